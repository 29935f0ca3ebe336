"""A runner says hello: what goes on, what is lost, which slots there are."""

import pytest

from agents.core.sessions import SessionSuperseded
from agents.models import Agent, Session, Slot
from agents.wire.messages import Held, OpenSession
from executors.core.leases import LeasePolicy
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Attempt, Task
from executors.services import sessions
from k8s4r import clock
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict, Forbidden, NotFound
from tests.builders import NOON, a_pool, a_task, an_agent, an_attempt, seconds, session_of, state_of
from tests.services.agentside import report, says, token_of

pytestmark = pytest.mark.django_db
LATER = NOON + seconds(100)


def hello(agent, *held, session=None, now=LATER, sent_at=5.0, **fields):
    message = OpenSession(
        session=session or clock.new_id(),
        sent_at=sent_at,
        held=list(held),
        **{"boot_id": "boot-1", "slots": 1, "drivers": ["exec", "noop"], **fields},
    )
    return sessions.open(agent.pk, message, now=now, policy=LeasePolicy())


def holds(attempt, *, running=True, token=None):
    return Held(attempt=attempt.pk, token=token or token_of(attempt), running=running)


def work(state=AttemptState.RUNNING, *, agent=None, **task_fields):
    agent = agent or an_agent()
    attempt = an_attempt(a_task(a_pool(agent), **task_fields), agent, state=state)
    if state == AttemptState.UNKNOWN:
        Task.objects.filter(pk=attempt.task_id).update(state="unknown")
    return attempt


def indices(agent):
    return list(Slot.objects.filter(agent=agent, retired_at=None).values_list("index", flat=True))


def test_a_first_session_makes_slots_and_brings_the_agent_online():
    agent = an_agent(slots=0, observed="offline")
    opened = hello(agent, slots=3, device_info={"os": "linux"}, version="1.2", boot_id="b" * 99)
    agent.refresh_from_db()
    assert (agent.observed, agent.device_info) == ("online", {"os": "linux"})
    assert agent.capabilities["drivers"] == ["exec", "noop"]
    assert indices(agent) == [0, 1, 2]
    assert (opened.server_time, opened.settings.heartbeat_s) == (LATER, 10.0)
    event = AuditEvent.objects.filter(object_id=agent.pk).latest("id")
    assert (event.from_state, event.to_state, event.actor_kind) == ("offline", "online", "agent")


def test_surplus_slots_retire_and_come_back():
    agent = an_agent(slots=3)
    hello(agent, slots=1)
    assert indices(agent) == [0]
    hello(agent, slots=2)
    assert indices(agent) == [0, 1]


def test_a_new_session_ends_the_earlier_one_for_good():
    agent = an_agent()
    first = session_of(agent).pk
    hello(agent)
    assert Session.objects.get(pk=first).ended_at == LATER
    with pytest.raises(SessionSuperseded):
        hello(agent, session=first)


def test_the_same_session_again_renews_it():
    agent = an_agent()
    first = session_of(agent).pk
    hello(agent, session=first)
    renewed = session_of(agent)
    assert (renewed.pk, renewed.last_heartbeat_at) == (first, LATER)


def test_nobody_takes_another_agents_session():
    mine, yours = an_agent(), an_agent()
    with pytest.raises(SessionSuperseded):
        hello(mine, session=session_of(yours).pk)


def test_an_agent_that_waits_for_approval_stays_pending():
    agent = an_agent(observed="pending")
    hello(agent)
    assert Agent.objects.get(pk=agent.pk).observed == "pending"


def test_revoked_archived_and_unknown_agents_are_refused():
    with pytest.raises(Forbidden):
        hello(an_agent(desired="revoked"))
    with pytest.raises(Forbidden):
        hello(an_agent(archived_at=NOON))
    with pytest.raises(NotFound):
        hello(Agent(pk=clock.new_id()))


def test_wishes_ride_on_the_answer():
    assert hello(an_agent(desired="draining")).directives.drain
    assert hello(an_agent(desired="paused")).directives.paused


@pytest.mark.parametrize("running", [True, False])
def test_listed_work_is_adopted_by_the_new_session(running):
    attempt = work()
    opened = hello(attempt.agent, holds(attempt, running=running))
    assert opened.adopted == [attempt.pk]
    assert opened.directives.stop == []
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.RUNNING
    assert attempt.session_id == session_of(attempt.agent).pk
    assert report(attempt, says(attempt, 1, "finished", exit_code=0), at_s=200) == ["ok"]


def test_unlisted_work_is_lost_now_and_goes_back_to_the_queue_at_once():
    attempt = work()
    hello(attempt.agent)
    assert state_of(attempt) == AttemptState.LOST
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.state, task.reason, task.run_after) == (TaskState.PENDING, "agent_lost", None)


def test_unlisted_work_whose_policy_is_stop_fails():
    attempt = work(disconnect="stop")
    hello(attempt.agent)
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.state, task.reason, task.ended_at) == (TaskState.FAILED, "agent_lost", LATER)


def test_work_listed_without_its_token_is_not_listed():
    attempt = work()
    opened = hello(attempt.agent, holds(attempt, token="att_guessed"))
    assert opened.adopted == []
    assert [(stop.attempt, stop.reason) for stop in opened.directives.stop] == [
        (attempt.pk, "superseded")
    ]
    assert state_of(attempt) == AttemptState.LOST


def test_what_is_no_longer_current_is_stopped_and_forgotten():
    attempt = work()
    Attempt.objects.filter(pk=attempt.pk).update(state="lost", ended_at=NOON)
    stranger = work()
    opened = hello(attempt.agent, holds(attempt), holds(stranger))
    assert {stop.attempt for stop in opened.directives.stop} == {attempt.pk, stranger.pk}
    assert state_of(stranger) == AttemptState.RUNNING


def test_an_order_on_its_way_survives_a_reopened_session_but_not_a_new_runner():
    attempt = work(AttemptState.ASSIGNED)
    hello(attempt.agent, session=attempt.session_id)
    assert state_of(attempt) == AttemptState.ASSIGNED
    hello(attempt.agent)
    assert state_of(attempt) == AttemptState.LOST
    assert state_of(attempt.task) == TaskState.PENDING


def test_running_work_that_a_reopened_session_does_not_list_is_lost():
    attempt = work()
    hello(attempt.agent, session=attempt.session_id)
    assert state_of(attempt) == AttemptState.LOST


def test_a_hello_that_a_later_one_overtook_loses_no_work():
    attempt = work()
    hello(attempt.agent, holds(attempt), session=attempt.session_id, sent_at=20.0)
    with pytest.raises(Conflict):
        hello(attempt.agent, session=attempt.session_id, sent_at=5.0)
    assert state_of(attempt) == AttemptState.RUNNING
    assert indices(attempt.agent) == [0]


def test_unknown_work_that_is_listed_goes_on():
    attempt = work(AttemptState.UNKNOWN, disconnect="wait")
    opened = hello(attempt.agent, holds(attempt))
    assert opened.adopted == [attempt.pk]
    assert state_of(attempt) == AttemptState.RUNNING
    assert state_of(attempt.task) == TaskState.RUNNING


def test_unknown_work_that_is_not_listed_is_tried_again():
    attempt = work(AttemptState.UNKNOWN, disconnect="wait")
    hello(attempt.agent)
    assert state_of(attempt) == AttemptState.LOST
    assert state_of(attempt.task) == TaskState.PENDING


@pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.UNKNOWN])
def test_an_apply_that_is_not_listed_is_nobodys_to_start_again(state):
    attempt = work(state, phase="apply")
    hello(attempt.agent)
    assert state_of(attempt) == AttemptState.UNKNOWN
    assert state_of(attempt.task) == TaskState.UNKNOWN


def test_a_stop_that_was_asked_for_is_repeated_to_the_new_session():
    stopping, unknown = work(), work(AttemptState.UNKNOWN)
    Attempt.objects.filter(pk=stopping.pk).update(state="stopping", stop_reason="cancel")
    Attempt.objects.filter(pk=unknown.pk).update(stop_reason="run_deadline")
    for attempt, reason in ((stopping, "cancel"), (unknown, "run_deadline")):
        opened = hello(attempt.agent, holds(attempt))
        assert [(stop.attempt, stop.reason) for stop in opened.directives.stop] == [
            (attempt.pk, reason)
        ]
        assert state_of(attempt) == AttemptState.STOPPING


def test_lost_work_that_was_being_cancelled_is_cancelled():
    attempt = work()
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="cancel")
    hello(attempt.agent)
    assert state_of(attempt.task) == TaskState.CANCELLED
