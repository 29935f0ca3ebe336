"""Settings that flow down, "not now" that flows up, and pauses that end when they were told to."""

from uuid import uuid4

import pytest

from agents.core.states import Desired
from agents.models import Agent
from agents.services import editing, wishes
from agents.services.editing import Merge
from agents.services.wishes import Said
from agents.wire.messages import Heartbeat, OpenSession
from agents.wire.settings import NotNow, Wanted
from executors import sweeps
from executors.core.leases import LeasePolicy
from executors.core.schedule import Job
from executors.models import Requirement
from executors.services import dispatch, heartbeats, orders, sessions
from executors.services.heartbeats import Beat
from executors.services.orders import Ask
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from tests.builders import NOON, a_pool, a_task, an_agent, seconds, session_of

pytestmark = pytest.mark.django_db
ALICE = Actor("user", "alice-id")
LUNCH = NotNow(reason="lunch")


def beat(agent, now=NOON, **fields):
    message = Heartbeat(session=session_of(agent).pk, sent_at=1.0, **fields)
    (answer,) = heartbeats.beat([Beat(agent.pk, uuid4(), message)], now=now)
    return answer


def claim(agent, version=0):
    ask = Ask(agent.pk, session_of(agent).pk, settings_version=version)
    (answer,) = orders.open_orders([ask], now=NOON)
    return answer


def open_session(agent, **fields):
    message = OpenSession(
        session=uuid4(), boot_id="b", sent_at=1.0, slots=1, drivers=["noop"], **fields
    )
    return sessions.open(agent.pk, message, now=NOON, policy=LeasePolicy())


def changed(agent, changes):
    editing.change(agent.pk, changes, actor=ALICE, now=NOON)


def run_pass(pool, now=NOON):
    return dispatch.run_pass(pool.pk, now=now, aging_weight_s=60).placed


def test_settings_ride_on_every_answer_until_the_runner_goes_by_them():
    agent = an_agent()
    changed(agent, {"settings": {"slots": 3, "log_level": "debug"}})
    wanted = Wanted(version=1, slots=3, log_level="debug")
    assert beat(agent).directives.wanted == wanted
    assert claim(agent).directives.wanted == wanted
    assert open_session(agent).directives.wanted == wanted
    assert beat(agent, settings_version=1).directives.wanted is None
    assert claim(agent, 1).directives.wanted is None
    assert open_session(agent, settings_version=1).directives.wanted is None


def test_each_change_is_a_version_and_saying_the_same_is_none():
    agent = an_agent(labels={"a": "b"})
    changed(agent, {"settings": {"slots": 3}})
    changed(agent, {"settings": {"slots": 3}, "description": "x"})
    changed(agent, {"labels": {"a": "c"}})
    changed(agent, {"settings": Merge({"slots": None, "heartbeat_s": 2.0})})
    wanted = beat(agent).directives.wanted
    assert wanted == Wanted(version=3, heartbeat_s=2.0, labels={"a": "c"})


def test_the_session_remembers_which_settings_its_runner_goes_by():
    agent = an_agent()
    changed(agent, {"settings": {"slots": 3}})
    beat(agent, settings_version=1)
    assert session_of(agent).settings_version == 1


def test_an_agent_that_says_not_now_gets_no_work_and_the_task_says_why():
    agent = an_agent()
    pool = a_pool(agent)
    task = a_task(pool)
    beat(agent, not_now=LUNCH)
    assert run_pass(pool) == 0
    assert Requirement.objects.get(pk=task.requirement_id).waiting_code == "not_now"
    beat(agent, NOON + seconds(10), not_now=LUNCH)
    agent.refresh_from_db()
    assert (agent.not_now_reason, agent.not_now_since) == ("lunch", NOON)
    beat(agent, NOON + seconds(20))
    assert run_pass(pool) == 1


def test_only_the_runner_says_whether_its_agent_takes_work():
    agent = an_agent()
    beat(agent, not_now=LUNCH)
    check = Heartbeat(device_info={"hostname": "m"})
    heartbeats.beat([Beat(agent.pk, uuid4(), check)], now=NOON + seconds(5))
    agent.refresh_from_db()
    assert (agent.not_now_reason, agent.device_info) == ("lunch", {"hostname": "m"})


def test_not_now_counts_from_the_first_word_of_a_session_on():
    agent = an_agent()
    pool = a_pool(agent)
    a_task(pool)
    open_session(agent, not_now=LUNCH)
    assert run_pass(pool) == 0
    open_session(agent)
    assert run_pass(pool) == 1


def test_a_not_now_whose_time_is_over_ends_also_when_the_agent_is_silent():
    agent, until = an_agent(), NOON + seconds(60)
    pool = a_pool(agent)
    a_task(pool)
    beat(agent, not_now=NotNow(reason="lunch", until=until))
    sweeps.run([Job.PAUSES], until - seconds(2))
    assert run_pass(pool) == 0
    sweeps.run([Job.PAUSES], until)
    assert Agent.objects.get(pk=agent.pk).not_now_since is None
    beat(agent, until, not_now=NotNow(reason="lunch", until=until))
    assert run_pass(pool) == 1


def test_an_assignment_looks_again_whether_the_agent_takes_work():
    agent = an_agent()
    pool = a_pool(agent)
    a_task(pool)
    offer = dispatch.supply.candidates(pool)
    beat(agent, not_now=LUNCH)
    plan = dispatch.decision.decide(
        pool,
        dispatch.supply.demand(pool.pk, limit=1),
        offer,
        dispatch.decision.all_facts_of(pool, now=NOON),
        terms=dispatch.Terms(60),
    )
    assert len(plan.placements) == 1, "decided before the agent said so"
    assert dispatch._apply(plan.placements, offer.sessions, now=NOON) == []


def test_a_pause_with_a_time_ends_by_itself_and_one_without_never_does():
    timed, endless, drained = (an_agent() for _ in range(3))
    until = NOON + seconds(60)
    for agent, desired, said in [
        (timed, Desired.PAUSED, Said("lunch", "alice", until)),
        (endless, Desired.PAUSED, Said("broken", "alice")),
        (drained, Desired.DRAINING, Said("disk swap", "alice", until)),
    ]:
        wishes.set_desired(agent.pk, desired, actor=ALICE, now=NOON, said=said)
    sweeps.run([Job.PAUSES], until - seconds(2))
    timed.refresh_from_db()
    assert (timed.desired, timed.desired_note, timed.desired_by) == ("paused", "lunch", "alice")
    sweeps.run([Job.PAUSES], until)
    sweeps.run([Job.PAUSES], until + seconds(86_400 * 365))
    for agent in (timed, endless, drained):
        agent.refresh_from_db()
    assert [agent.desired for agent in (timed, endless, drained)] == [
        *("active", "paused", "draining")
    ]
    assert (timed.desired_note, timed.desired_until) == ("", None)
    assert AuditEvent.objects.filter(object_id=timed.pk, cause="pause_over").exists()


def test_a_later_note_counts_and_a_resume_takes_it_away():
    agent = an_agent()
    wishes.set_desired(agent.pk, Desired.DRAINING, actor=ALICE, now=NOON, said=Said("a", "alice"))
    wishes.set_desired(
        agent.pk, Desired.DRAINING, actor=ALICE, now=NOON + seconds(5), said=Said("b", "bob")
    )
    agent.refresh_from_db()
    assert (agent.desired_note, agent.desired_by, agent.desired_at) == ("b", "bob", NOON)
    wishes.set_desired(agent.pk, Desired.ACTIVE, actor=ALICE, now=NOON + seconds(9))
    agent.refresh_from_db()
    assert (agent.desired_note, agent.desired_by) == ("", "")
