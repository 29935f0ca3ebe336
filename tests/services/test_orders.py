"""Claims: open orders until they are held, stops, and what nobody has."""

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.core.sessions import SessionSuperseded
from agents.models import Agent
from executors.core.fences import Fence
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Attempt, Task
from executors.services import orders
from executors.services.orders import Ask
from k8s4r import clock
from k8s4r.core.errors import Forbidden, NotFound
from tests.builders import (
    NOON,
    a_pool,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    session_of,
    state_of,
)
from tests.services.agentside import report, says

pytestmark = pytest.mark.django_db
LATER = NOON + seconds(10)


def claim(agent, *, held=(), stopping=(), session=None):
    ask = Ask(
        agent.pk,
        session or session_of(agent).pk,
        [one.pk for one in held],
        [one.pk for one in stopping],
    )
    (answer,) = orders.open_orders([ask], now=LATER)
    if isinstance(answer, Exception):
        raise answer
    return answer


def stops(answer):
    return [(stop.attempt, stop.reason) for stop in answer.directives.stop]


def work(state=AttemptState.ASSIGNED, **task_fields):
    agent = an_agent()
    return an_attempt(a_task(a_pool(agent), **task_fields), agent, state=state)


def test_an_order_says_all_that_the_runner_needs():
    spec = {"argv": ["/bin/true"]}
    attempt = work(
        name="hello", driver="exec", spec=spec, run_timeout_s=60, lost_after_s=90, disconnect="wait"
    )
    (order,) = claim(attempt.agent).orders
    assert (order.attempt, order.number, order.slot) == (attempt.pk, 1, 0)
    assert order.token == Fence(settings.ATTEMPT_KEY).token(attempt.pk, 1)
    assert (order.lost_after_s, order.disconnect) == (90, "wait")
    task = order.task
    assert (task.id, task.driver, task.spec) == (attempt.task_id, "exec", spec)
    assert (task.name, task.run_timeout_s) == ("hello", 60)
    assert (task.project, task.pool) == ("default", attempt.task.pool.name)


def test_the_same_claim_gets_the_same_orders_until_they_are_held():
    attempt = work()
    assert claim(attempt.agent) == claim(attempt.agent)
    assert Attempt.objects.filter(task=attempt.task).count() == 1
    assert claim(attempt.agent, held=[attempt]).orders == []


def test_nothing_to_say_is_an_empty_answer():
    assert claim(an_agent()) == orders.Claimed()


def test_an_agent_gets_no_order_of_another_and_none_of_an_earlier_session():
    attempt, other = work(), an_agent()
    assert claim(other).orders == []
    with pytest.raises(SessionSuperseded):
        claim(attempt.agent, session=clock.new_id())


def test_revoked_and_unknown_agents_are_refused():
    with pytest.raises(Forbidden):
        claim(an_agent(desired="revoked"))
    with pytest.raises(NotFound):
        claim(Agent(pk=clock.new_id()), session=clock.new_id())


def test_a_stop_is_said_until_the_runner_is_stopping():
    attempt = work(AttemptState.RUNNING)
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="run_deadline")
    assert stops(claim(attempt.agent, held=[attempt])) == [(attempt.pk, "run_deadline")]
    assert claim(attempt.agent, held=[attempt], stopping=[attempt]) == orders.Claimed()


def test_what_was_stopped_before_anybody_had_it_ends_at_once():
    attempt = work()
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="cancel")
    assert claim(attempt.agent) == orders.Claimed()
    assert state_of(attempt) == AttemptState.STOPPED
    assert state_of(attempt.task) == TaskState.CANCELLED


def test_what_was_stopped_before_it_began_but_is_held_is_the_runners_to_end():
    attempt = work()
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="cancel")
    assert stops(claim(attempt.agent, held=[attempt])) == [(attempt.pk, "cancel")]
    assert state_of(attempt) == AttemptState.STOPPING


def test_unknown_work_that_is_held_goes_on():
    attempt = work(AttemptState.UNKNOWN)
    Task.objects.filter(pk=attempt.task_id).update(state="unknown")
    claim(attempt.agent)
    assert state_of(attempt) == AttemptState.UNKNOWN
    claim(attempt.agent, held=[attempt])
    assert state_of(attempt) == AttemptState.RUNNING
    assert state_of(attempt.task) == TaskState.RUNNING


def test_held_work_that_was_given_up_is_stopped_and_forgotten():
    attempt = work(AttemptState.RUNNING)
    Attempt.objects.filter(pk=attempt.pk).update(state="lost", ended_at=NOON)
    made_up = Attempt(pk=clock.new_id())
    answer = claim(attempt.agent, held=[attempt, made_up])
    assert sorted(stops(answer)) == sorted([(attempt.pk, "superseded"), (made_up.pk, "superseded")])


def test_work_that_its_report_ended_needs_no_stop():
    attempt = work(AttemptState.RUNNING)
    report(attempt, says(attempt, 1, "finished", exit_code=0), at_s=5)
    assert claim(attempt.agent, held=[attempt]) == orders.Claimed()


def test_wishes_ride_on_the_answer():
    assert claim(an_agent(desired="draining")).directives.drain
    assert claim(an_agent(desired="paused")).directives.paused


def test_fifty_claims_cost_as_many_statements_as_one_and_an_idle_one_two():
    def statements(count):
        agents = [an_agent() for _ in range(count)]
        pool = a_pool(*agents)
        for task, agent in zip(a_tasks(pool, count), agents, strict=True):
            an_attempt(task, agent)
        asks = [Ask(agent.pk, session_of(agent).pk) for agent in agents]
        with CaptureQueriesContext(connection) as queries:
            answers = orders.open_orders(asks, now=LATER)
        assert all(len(answer.orders) == 1 for answer in answers)
        return len(queries)

    assert statements(1) == statements(50) <= 3
    idle = an_agent()
    with CaptureQueriesContext(connection) as queries:
        claim(idle, session=session_of(idle).pk)
    assert len(queries) <= 3
