"""Looks beside writers: every change is told once it is committed, however late that is."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event

import pytest
from django.db import connection, transaction

from executors.gateway.watch_rows import Horizon, look
from executors.models import Task
from k8s4r.audit import sealing
from tests.builders import a_pool, a_task
from tests.sealed import seal_everything, sealed_up_to
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, EACH = 6, 25


@pytest.fixture
def pool():
    """Return a pool with a task: what its tasks share is there, so no writer waits for another."""
    made = a_pool()
    a_task(made)
    return made


@contextmanager
def uncommitted(pool):
    """Make a task in a thread of its own; yield its id, and commit at the end."""
    written, may_commit, made = Event(), Event(), []

    def slow():
        try:
            with transaction.atomic():
                made.append(a_task(pool).pk)
                written.set()
                assert may_commit.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        slowly = threads.submit(slow)
        try:
            assert written.wait(20)
            yield made[0]
        finally:
            may_commit.set()
        slowly.result(20)


def told(horizon):
    return [change.object_id for change in look(horizon) if change.object_type == "task"]


def test_a_change_that_runs_alone_for_many_looks_is_told_when_it_is_committed(pool):
    horizon = Horizon()
    look(horizon)
    with uncommitted(pool) as task_id:
        assert [told(horizon) for _ in range(5)] == [[]] * 5
    assert told(horizon) == [task_id]
    assert told(horizon) == []


def test_a_change_with_a_low_id_is_told_after_those_with_higher_ones(pool):
    horizon = Horizon()
    look(horizon)
    with uncommitted(pool) as slow:
        for _ in range(3):
            fast = a_task(pool).pk
            assert told(horizon) == [fast]
    assert told(horizon) == [slow]


def test_a_change_that_runs_alone_is_not_sealed_away(pool):
    seal_everything()
    before = sealed_up_to()
    with uncommitted(pool):
        for _ in range(3):
            sealing.seal(now=pool.created_at)
        assert sealed_up_to() == before
    seal_everything()
    assert sealed_up_to() > before


def test_the_place_up_to_which_all_is_told_follows_what_is_committed(pool):
    horizon = Horizon()
    look(horizon)
    before = horizon.closed
    a_task(pool)

    def has_moved():
        look(horizon)
        return horizon.closed > before and not horizon.seen

    wait_until(has_moved)


def write(gate, pool):
    """Make tasks, some in one transaction with others, some undone, so that ids have gaps."""
    try:
        gate.wait(20)
        for nth in range(EACH):
            with transaction.atomic():
                a_task(pool)
                a_task(pool)
                transaction.set_rollback(nth % 5 == 4)
    finally:
        connection.close()


def test_every_change_of_many_writers_is_told_once(pool):
    horizon, gate, found = Horizon(), Barrier(WRITERS), []
    before = set(Task.objects.values_list("pk", flat=True))
    look(horizon)
    with ThreadPoolExecutor(WRITERS) as threads:
        writers = [threads.submit(write, gate, pool) for _ in range(WRITERS)]
        while not all(writer.done() for writer in writers):
            found += told(horizon)
        for writer in writers:
            writer.result(60)
    found += told(horizon)
    made = set(Task.objects.values_list("pk", flat=True)) - before
    assert len(made) == WRITERS * EACH * 2 * 4 // 5
    assert set(found) == made
    assert len(found) == len(made)
