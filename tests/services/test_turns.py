"""A worker that serves clusters and sweeps keeps one of its processes for the sweeps."""

from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from multiprocessing.synchronize import Event
from types import SimpleNamespace

import pytest

from executors import tasks
from executors.clusters import turns
from executors.clusters.turns import Turns
from k8s4r import celery
from pools.models import Reach
from tests.builders import a_pod_pool

FORK = get_context("fork")


def hold(held: Turns, begun: Event, over: Event) -> None:
    with held.turn():
        begun.set()
        over.wait(30)


def a_process_at_work(held: Turns) -> ForkProcess:
    """Return a process that has a turn now."""
    begun = FORK.Event()
    process = FORK.Process(target=hold, args=(held, begun, FORK.Event()), daemon=True)
    process.start()
    assert begun.wait(30)
    return process


def has_turn(held: Turns) -> bool:
    with held.turn() as mine:
        return mine


@pytest.fixture
def limited():
    held = Turns()
    held.limit(2)
    return held


def test_so_many_have_a_turn_and_who_dies_lets_go(limited):
    first = a_process_at_work(limited)
    assert has_turn(limited)
    second = a_process_at_work(limited)
    assert not has_turn(limited)
    for process in (first, second):
        process.kill()
        process.join(30)
        assert has_turn(limited)


def test_without_a_limit_there_is_always_a_turn():
    assert has_turn(Turns())


@pytest.mark.parametrize(
    ("queues", "concurrency", "most"),
    [
        (("sweeps", "kube"), 2, 1),
        (("sweeps", "kube"), 4, 3),
        (("sweeps", "kube"), 1, 1),
        (("kube",), 2, None),
    ],
)
def test_a_worker_of_both_queues_does_rounds_in_all_but_one_process(
    monkeypatch, queues, concurrency, most
):
    limits = []
    monkeypatch.setattr(turns.ROUNDS, "limit", limits.append)
    monkeypatch.setattr(celery.app.amqp.queues, "_consume_from", dict.fromkeys(queues))
    celery.keep_one_for_sweeps(instance=SimpleNamespace(concurrency=concurrency))
    assert limits == ([] if most is None else [most])


@pytest.mark.django_db
def test_a_round_for_which_there_is_no_turn_is_left_to_the_next_tick(monkeypatch):
    pool, held = a_pod_pool(), Turns()
    held.limit(1)
    monkeypatch.setattr(turns, "ROUNDS", held)
    process = a_process_at_work(held)
    tasks.reconcile_cluster(str(pool.k8s_config_id))
    process.kill()
    process.join(30)
    row = Reach.objects.get(pk=pool.k8s_config_id)
    assert (row.observed_at, row.last_error, row.leased_until) == (None, "", None)
