"""Work that comes in the very instant in which a pod is to go: one of both happens, never both."""

import pytest

from executors.services import dispatch, scaling
from k8s4r import failpoints
from k8s4r.failpoints import Broken
from pools.models import Pod
from tests.builders import NOON, a_k8s_config, a_pod_pool, a_tasks, state_of
from tests.concurrency.duel import Duel, busy, connect, going
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)


def run_pass(pool):
    return dispatch.run_pass(pool.pk, now=NOON, aging_weight_s=60).placed


def test_a_pod_that_goes_never_has_work_in_two_hundred_races():
    duel = Duel(a_k8s_config(), 200)
    connect(duel.pods)
    placed, drained = duel.fight()
    assert not busy(duel.pods) & going(duel.pods)
    assert duel.clashes == []
    assert (len(busy(duel.pods)), len(going(duel.pods))) == (placed, drained)
    assert placed > 0
    assert drained > 0


def test_looks_and_passes_at_once_never_make_too_many_pods_nor_give_a_slot_twice():
    pool = a_pod_pool(max_pods=5)
    a_tasks(pool, 30)

    def look(number):
        if number % 2:
            run_pass(pool)
        return scaling.look(pool.pk, now=NOON, aging_weight_s=60)

    for _ in range(3):
        race(*times(8, look))
        Pod.objects.filter(state="creating").update(state="ready")

    assert Pod.objects.count() == 5


def test_a_look_that_breaks_before_its_commit_leaves_nothing_and_the_next_one_goes_on(
    tmp_path, monkeypatch
):
    pool = a_pod_pool()
    (task,) = a_tasks(pool, 1)
    monkeypatch.setattr(failpoints, "_ARMED", tmp_path)
    (tmp_path / "scaling.before_commit").write_text("raise")

    with pytest.raises(Broken):
        scaling.look(pool.pk, now=NOON, aging_weight_s=60)

    assert (Pod.objects.count(), state_of(task)) == (0, "pending")
    assert scaling.look(pool.pk, now=NOON, aging_weight_s=60).make == 1
    assert Pod.objects.count() == 1
