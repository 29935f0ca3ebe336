"""A cancel ends what waits, asks agents to stop what runs, and refuses the rest with a reason."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executors import wakeups
from executors.core.lifecycle import TASK_TERMINAL, AttemptState, StopReason
from executors.models import Attempt, Task
from executors.services import cancellation
from k8s4r import clock
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import IllegalTransition, NeedsResolution, NotFound
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
ALICE = Actor("user", "alice-id")
LATER = NOON + seconds(60)


def cancel(*tasks, now=LATER):
    return cancellation.cancel([task.pk for task in tasks], actor=ALICE, now=now)


def test_a_waiting_task_is_cancelled_at_once_and_history_says_by_whom():
    task = a_task(a_pool())

    outcome = cancel(task)[task.pk]

    row = Task.objects.get(pk=task.pk)
    assert (outcome.state, outcome.stopping, outcome.refusal) == ("cancelled", False, None)
    assert (row.state, row.reason, row.ended_at) == ("cancelled", "cancelled", LATER)
    event = AuditEvent.objects.filter(object_id=task.pk).latest("id")
    assert (event.actor_kind, event.actor_id, event.cause) == ("user", "alice-id", "cancel")


def test_a_task_that_waits_for_its_retry_is_cancelled_at_once():
    task = a_task(a_pool(), run_after=NOON + seconds(300), attempts_made=2)
    assert cancel(task)[task.pk].state == "cancelled"


@pytest.mark.parametrize("state", ["assigned", "running"])
def test_an_attempt_is_told_to_stop_and_its_task_keeps_its_state(state):
    task = a_task(a_pool())
    attempt = an_attempt(task, an_agent(), state=state)
    before = state_of(task)

    outcome = cancel(task)[task.pk]

    attempt.refresh_from_db()
    assert (outcome.state, outcome.stopping, outcome.refusal) == (before, True, None)
    assert (attempt.state, attempt.stop_reason) == ("stopping", "cancel")
    assert (state_of(task), Task.objects.get(pk=task.pk).stop_requested_at) == (before, LATER)


@pytest.fixture
def heard():
    """Collect the agents for whom there is news in this process."""
    agents = []

    def listen(news):
        agents.extend(news.agents)

    wakeups.LISTENERS.add(listen)
    yield agents
    wakeups.LISTENERS.remove(listen)


def test_the_agent_hears_of_it_after_the_commit(heard, django_capture_on_commit_callbacks):
    agent = an_agent()
    task = a_task(a_pool())
    an_attempt(task, agent, state="running")
    with django_capture_on_commit_callbacks(execute=True):
        cancel(task)
        assert heard == []
    assert heard == [agent.pk]


def test_asking_again_is_a_success_and_changes_nothing():
    task = a_task(a_pool())
    attempt = an_attempt(task, an_agent(), state="running")
    cancel(task)

    again = cancel(task, now=LATER + seconds(5))[task.pk]

    assert (again.stopping, again.refusal) == (True, None)
    assert Task.objects.get(pk=task.pk).stop_requested_at == LATER
    assert Attempt.objects.get(pk=attempt.pk).changed_at == LATER


def test_a_stop_by_a_deadline_becomes_a_cancel_so_that_it_is_not_tried_again():
    task = a_task(a_pool())
    attempt = an_attempt(task, an_agent(), state="stopping", stop_reason=StopReason.RUN_DEADLINE)
    assert cancel(task)[task.pk].stopping
    assert Attempt.objects.get(pk=attempt.pk).stop_reason == "cancel"


def test_an_unknown_task_needs_a_person():
    task = a_task(a_pool(), disconnect="wait")
    attempt = an_attempt(task, an_agent(), state="unknown")
    Task.objects.filter(pk=task.pk).update(state="unknown")

    outcome = cancel(task)[task.pk]

    assert isinstance(outcome.refusal, NeedsResolution)
    assert (state_of(task), state_of(attempt)) == ("unknown", "unknown")


@pytest.mark.parametrize("state", sorted(TASK_TERMINAL))
def test_what_has_ended_stays_as_it_is(state):
    task = a_task(a_pool(), state=state, ended_at=NOON)

    outcome = cancel(task)[task.pk]

    assert isinstance(outcome.refusal, IllegalTransition)
    assert (outcome.state, state_of(task)) == (state, state)


def test_a_list_gets_one_outcome_per_task():
    pool, agent = a_pool(), an_agent(slots=2)
    waiting, running = a_tasks(pool, 2)
    an_attempt(running, agent, state="running")
    ended = a_task(pool, state="failed", ended_at=NOON)
    nobody = clock.new_id()

    outcomes = cancellation.cancel(
        [waiting.pk, running.pk, ended.pk, nobody], actor=ALICE, now=LATER
    )

    assert outcomes[waiting.pk].state == "cancelled"
    assert outcomes[running.pk].stopping
    assert isinstance(outcomes[ended.pk].refusal, IllegalTransition)
    assert isinstance(outcomes[nobody].refusal, NotFound)


def test_fifty_tasks_cost_as_many_statements_as_two():
    def statements(count):
        pool, agent = a_pool(), an_agent(slots=count)
        tasks = a_tasks(pool, 2 * count)
        for task in tasks[:count]:
            an_attempt(task, agent, state=AttemptState.RUNNING)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            outcomes = cancel(*tasks)
        assert all(outcome.refusal is None for outcome in outcomes.values())
        return len(queries)

    assert statements(1) == statements(25)
