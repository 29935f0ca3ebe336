"""Work that comes in the very instant in which a pod is to go: one of both happens, never both."""

import time
from random import Random
from threading import Barrier, Event

import pytest

from executors.core.lifecycle import ATTEMPT_CURRENT
from executors.models import Attempt
from executors.services import dispatch, draining, scaling
from k8s4r import failpoints
from k8s4r.failpoints import Broken
from pools.models import Pod
from tests.builders import NOON, a_k8s_config, a_pod_pool, a_ready_pod, a_task, a_tasks, state_of
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)


def run_pass(pool):
    return dispatch.run_pass(pool.pk, now=NOON, aging_weight_s=60).placed


def busy_pods_that_go():
    current = Attempt.objects.filter(state__in=ATTEMPT_CURRENT).values("agent")
    return Pod.objects.filter(state__in=["draining", "deleting", "gone"], agent__in=current)


class Duel:
    """One pod with one task each; a pass and a drain meet at each of them in the same instant."""

    def __init__(self, count):
        self.gate = Barrier(2)
        self.draw = Random(20)
        self.took_s = 0.0
        config = a_k8s_config()
        self.pools = [a_pod_pool(k8s_config=config) for _ in range(count)]
        self.agents = [a_ready_pod(pool).agent_id for pool in self.pools]
        for pool in self.pools:
            a_task(pool)

    def assign(self):
        placed = []
        for pool in self.pools:
            self.gate.wait(30)
            begun = time.monotonic()
            placed.append(run_pass(pool))
            self.took_s = time.monotonic() - begun
        return placed

    def drain(self):
        drained = []
        for agent in self.agents:
            self.gate.wait(30)
            # Anywhere in the time that the pass takes, as far as the last one tells.
            Event().wait(self.draw.random() * self.took_s)
            drained.append(len(draining.drain_if_idle({agent}, now=NOON)))
        return drained


def fight(count):
    duel = Duel(count)
    placed, drained = race(duel.assign, duel.drain)
    assert not busy_pods_that_go().exists()
    assert [pair for pair in zip(placed, drained, strict=True) if pair == (1, 1)] == []
    assert sum(placed) > 0
    assert sum(drained) > 0


def test_a_pod_that_goes_never_has_work_in_two_hundred_races():
    fight(200)


@pytest.mark.faults
def test_a_pod_that_goes_never_has_work_in_a_thousand_races():
    fight(1_000)


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
