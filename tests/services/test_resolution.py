"""A person ends what nobody knows about, and its slot is free again."""

import pytest

from executors.models import Task
from executors.services import resolution, transitions
from executors.services.resolution import Resolution
from k8s4r import clock
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import IllegalTransition, NotFound
from tests.builders import NOON, a_pool, a_task, an_agent, an_attempt, seconds, state_of

pytestmark = pytest.mark.django_db
ALICE = Actor("user", "alice-id")
LATER = NOON + seconds(600)


def an_unknown_task():
    agent = an_agent()
    task = a_task(a_pool(agent), disconnect="wait")
    attempt = an_attempt(task, agent, state="unknown")
    Task.objects.filter(pk=task.pk).update(state="unknown")
    return task, attempt


def resolve(task_id, outcome=Resolution.FAILED):
    return resolution.resolve(task_id, outcome, "seen on the machine", actor=ALICE, now=LATER)


@pytest.mark.parametrize("outcome", list(Resolution))
def test_the_task_ends_as_the_person_says(outcome):
    task, attempt = an_unknown_task()

    assert resolve(task.pk, outcome) == outcome

    row = Task.objects.get(pk=task.pk)
    assert (row.state, row.reason, row.message) == (outcome, "resolved", "seen on the machine")
    assert row.ended_at == LATER
    assert state_of(attempt) == "lost"
    event = AuditEvent.objects.filter(object_id=task.pk).latest("id")
    assert (event.actor_id, event.cause, event.from_state) == ("alice-id", "resolve", "unknown")


def test_the_slot_takes_another_task_at_once():
    task, attempt = an_unknown_task()
    resolve(task.pk)
    other = a_task(task.pool)
    assert an_attempt(other, attempt.agent).slot_id == attempt.slot_id


@pytest.mark.parametrize("state", ["pending", "running", "completed", "cancelled"])
def test_only_unknown_tasks_are_resolved(state):
    task = a_task(a_pool(), state=state)
    with pytest.raises(IllegalTransition):
        resolve(task.pk)
    assert state_of(task) == state


def test_a_task_that_does_not_exist_is_not_found():
    with pytest.raises(NotFound):
        resolve(clock.new_id())


def test_a_resolved_task_never_moves_again():
    task, _ = an_unknown_task()
    resolve(task.pk, Resolution.CANCELLED)
    late = transitions.TaskMove(task_id=task.pk, event=transitions.TaskEvent.SUCCEEDED)
    assert transitions.move_tasks([late], now=LATER) == {}
    with pytest.raises(IllegalTransition):
        resolve(task.pk, Resolution.COMPLETED)
    assert state_of(task) == "cancelled"
