"""The database's own laws: they hold whatever the code above does."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext

from executors.core.lifecycle import (
    ATTEMPT_TERMINAL,
    TASK_TERMINAL,
    AttemptEvent,
    TaskEvent,
    TaskState,
)
from executors.models import Attempt, Task
from executors.services import transitions
from executors.services.transitions import AttemptMove, TaskMove
from k8s4r import database
from k8s4r.audit import attribution
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_pool,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    state_of,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", sorted(TASK_TERMINAL))
def test_a_final_task_cannot_be_moved_even_by_hand(state):
    task = a_task(a_pool(), state=state)

    with pytest.raises(DatabaseError, match="a final state never changes"), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(state="pending")

    assert state_of(task) == state


@pytest.mark.parametrize("state", sorted(ATTEMPT_TERMINAL))
def test_a_final_attempt_cannot_be_moved_even_by_hand(state):
    agent = an_agent()
    attempt = an_attempt(a_task(a_pool(agent)), agent)
    Attempt.objects.filter(pk=attempt.pk).update(state=state)

    with pytest.raises(DatabaseError, match="a final state never changes"), transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(state="running")

    assert state_of(attempt) == state


def test_a_state_outside_the_enum_is_refused():
    task = a_task(a_pool())

    with pytest.raises(IntegrityError, match="task_state_known"), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(state="lost_in_thought")

    assert state_of(task) == "pending"


def test_a_slot_holds_one_current_attempt_and_no_second():
    agent = an_agent(slots=1)
    pool = a_pool(agent)
    first = an_attempt(a_task(pool), agent)

    with pytest.raises(IntegrityError, match="attempt_one_per_slot"), transaction.atomic():
        an_attempt(a_task(pool), agent, slot=first.slot)

    assert Attempt.objects.count() == 1


def test_a_task_has_one_current_attempt_and_no_second():
    agent = an_agent(slots=2)
    task = a_task(a_pool(agent))
    an_attempt(task, agent)

    with pytest.raises(IntegrityError, match="attempt_one_per_task"), transaction.atomic():
        an_attempt(task, agent)

    assert Attempt.objects.count() == 1


def test_every_move_leaves_one_event_with_actor_cause_from_and_to():
    agent = an_agent(slots=3)
    pool = a_pool(agent)
    attempts = [an_attempt(task, agent) for task in a_tasks(pool, 3)]
    before = AuditEvent.objects.count()

    with transaction.atomic():
        attribution.attribute(attribution.Actor("user", "alice"), cause="a test")
        transitions.move_attempts(
            [AttemptMove(attempt_id=a.pk, event=AttemptEvent.STARTED) for a in attempts],
            now=NOON + seconds(7),
        )

    events = list(AuditEvent.objects.order_by("id")[before:])
    assert {event.object_id for event in events} == {attempt.pk for attempt in attempts}
    assert len(events) == 3
    assert {
        (e.actor_kind, e.actor_id, e.cause, e.object_type, e.from_state, e.to_state, e.at)
        for e in events
    } == {("user", "alice", "a test", "attempt", "assigned", "running", NOON + seconds(7))}


def test_the_events_of_a_task_replay_to_its_row():
    task = a_task(a_pool())
    path = [TaskEvent.ASSIGN, TaskEvent.STARTED, TaskEvent.RETURNED, TaskEvent.CANCELLED]
    for step, event in enumerate(path):
        transitions.move_tasks([TaskMove(task_id=task.pk, event=event)], now=NOON + seconds(step))

    events = list(AuditEvent.objects.filter(object_id=task.pk).order_by("id"))

    assert [e.to_state for e in events[:-1]] == [e.from_state for e in events[1:]]
    assert events[-1].to_state == state_of(task) == TaskState.CANCELLED


def test_a_change_that_moves_no_state_leaves_no_event():
    task = a_task(a_pool())
    before = AuditEvent.objects.count()

    Task.objects.filter(pk=task.pk).update(log_bytes=5)

    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("statement", ["DELETE FROM audit_event", "UPDATE audit_event SET at = at"])
def test_history_cannot_be_rewritten(statement):
    a_task(a_pool())
    before = AuditEvent.objects.count()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        database.run(statement)

    assert AuditEvent.objects.count() == before > 0


def test_an_illegal_move_changes_nothing_and_says_so_by_its_absence():
    ended, waiting = a_task(a_pool(), state="completed"), a_task(a_pool())

    moved = transitions.move_tasks(
        [
            TaskMove(task_id=ended.pk, event=TaskEvent.STARTED),
            TaskMove(task_id=waiting.pk, event=TaskEvent.CANCELLED, reason="nobody wants it"),
        ],
        now=NOON,
    )

    assert moved == {waiting.pk: TaskState.CANCELLED}
    assert (state_of(ended), state_of(waiting)) == ("completed", "cancelled")


def test_fifty_moves_take_as_many_statements_as_one():
    def statements(count):
        tasks = a_tasks(a_pool(), count)
        with CaptureQueriesContext(connection) as queries:
            moves = [TaskMove(task_id=task.pk, event=TaskEvent.ASSIGN) for task in tasks]
            assert len(transitions.move_tasks(moves, now=NOON)) == count
        return len(queries)

    assert statements(50) == statements(1)
