"""After a restore nothing runs twice unless a person says so (F35)."""

import pytest

from agents.core.sessions import SessionSuperseded
from agents.models import Agent, Generation, Session
from agents.wire.messages import Held, OpenSession, SessionOpened
from executors.core.leases import LeasePolicy
from executors.models import Attempt, Task
from executors.services import dispatch, expiry, resolution, restoration, sessions
from executors.services.resolution import Resolution
from k8s4r import clock
from k8s4r.audit.attribution import SYSTEM
from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import (
    NOON,
    a_pool,
    a_running_attempt,
    a_task,
    an_agent,
    an_attempt,
    seconds,
    session_of,
    state_of,
)
from tests.services.agentside import report, says, token_of

pytestmark = pytest.mark.django_db
BACKUP, RESTORE, BACK = NOON + seconds(10), NOON + seconds(100), NOON + seconds(110)


@pytest.fixture
def agent():
    return an_agent(slots=3)


@pytest.fixture
def pool(agent):
    return a_pool(agent, name="night")


def restore(now=RESTORE):
    return restoration.begin_generation(now=now, backup_at=BACKUP)


def hello(agent: Agent, *held: Attempt, session=None, now=BACK) -> SessionOpened:
    message = OpenSession(
        session=session or clock.new_id(),
        sent_at=5.0,
        boot_id="boot",
        slots=3,
        drivers=["exec", "noop"],
        held=[Held(attempt=one.pk, token=token_of(one), running=True) for one in held],
    )
    return sessions.open(agent.pk, message, now=now, policy=LeasePolicy())


def passes(pool):
    return dispatch.run_pass(pool.pk, now=BACK, aging_weight_s=60).placed


def test_what_ran_is_unknown_and_what_waited_is_held_back(agent, pool):
    running = a_running_attempt(pool, agent)
    assigned = an_attempt(a_task(pool), agent)
    waiting = a_task(pool)
    delayed = a_task(a_pool(name="later"), run_after=NOON)
    a_pool(name="empty")

    restored = restore()

    assert [state_of(one) for one in (running, running.task_id)] == ["unknown", "unknown"]
    assert [state_of(one) for one in (assigned, assigned.task_id)] == ["unknown", "unknown"]
    assert [state_of(waiting), state_of(delayed)] == ["pending", "pending"]
    assert restored == restoration.Restored(2, 2, 2, ("default/later", "default/night"))
    paused = Pool.objects.filter(paused=True).values_list("name", flat=True)
    assert set(paused) == {"later", "night"}
    hello(agent)
    assert passes(pool) == 0, "a slot is free"
    events = AuditEvent.objects.filter(object_id=running.pk, cause="restore")
    assert [(one.from_state, one.to_state) for one in events] == [("running", "unknown")]


def test_a_runner_that_still_has_its_work_goes_on_in_the_same_session(agent, pool):
    attempt = a_running_attempt(pool, agent, last_seq=1)
    session = session_of(agent)
    restore()
    with pytest.raises(SessionSuperseded):
        report(attempt, says(attempt, 2, "progress"))

    opened = hello(agent, attempt, session=session.pk)

    assert (opened.adopted, opened.directives.stop, opened.generation) == ([attempt.pk], [], 2)
    assert [state_of(attempt), state_of(attempt.task_id)] == ["running", "running"]
    assert Task.objects.get(pk=attempt.task_id).reason == ""
    # It was heard up to a report that the backup does not have: it is asked to fill the gap.
    assert report(attempt, says(attempt, 7, "progress"), at_s=120) == ["gap"]
    assert report(attempt, says(attempt, 2, "finished", exit_code=0), at_s=121) == ["ok"]
    assert state_of(attempt.task_id) == "completed"


def test_work_that_its_agent_no_longer_has_stays_unknown_until_a_person_decides(agent, pool):
    attempt = a_running_attempt(pool, agent)
    session = session_of(agent)
    restore()
    for session_id in (session.pk, session.pk, None):
        hello(agent, session=session_id)
        assert [state_of(attempt), state_of(attempt.task_id)] == ["unknown", "unknown"]
    expiry.expire_leases(now=NOON + seconds(9_000), limit=100, policy=LeasePolicy())
    assert state_of(attempt.task_id) == "unknown"
    assert Attempt.objects.count() == 1

    resolution.resolve(
        attempt.task_id, Resolution.COMPLETED, "seen", actor=SYSTEM, now=BACK + seconds(1)
    )
    assert state_of(attempt.task_id) == "completed"


def test_work_that_was_unknown_before_the_backup_is_not_started_again_either(agent, pool):
    attempt = a_running_attempt(pool, agent, disconnect="wait")
    Attempt.objects.filter(pk=attempt.pk).update(state="unknown")
    Task.objects.filter(pk=attempt.task_id).update(state="unknown")
    restore()
    hello(agent)
    assert [state_of(attempt), state_of(attempt.task_id)] == ["unknown", "unknown"]


def test_work_that_the_database_does_not_know_is_stopped(agent):
    stranger = Attempt(id=clock.new_id(), number=1)
    restore()
    opened = hello(agent, stranger)
    assert [(one.attempt, one.reason) for one in opened.directives.stop] == [
        (stranger.pk, "superseded")
    ]


def test_once_adopted_work_is_like_any_other(agent, pool):
    attempt = a_running_attempt(pool, agent)
    restore()
    hello(agent, attempt)
    Pool.objects.update(paused=False)
    hello(agent, now=BACK + seconds(1))
    assert [state_of(attempt), state_of(attempt.task_id)] == ["lost", "pending"]


def test_a_runner_that_was_replaced_after_the_restore_is_superseded(agent):
    earlier = session_of(agent)
    restore()
    hello(agent)
    with pytest.raises(SessionSuperseded):
        hello(agent, session=earlier.pk)


def test_a_runner_that_was_replaced_before_the_backup_is_superseded(agent):
    earlier = session_of(agent)
    hello(agent, now=NOON + seconds(1))
    restore()
    with pytest.raises(SessionSuperseded):
        hello(agent, session=earlier.pk)


def test_each_restore_begins_a_generation_and_agents_are_away_until_they_speak(agent):
    assert hello(agent, now=NOON + seconds(1)).generation == 1
    restore()
    restore(RESTORE + seconds(1))
    assert list(Generation.objects.values_list("number", flat=True)) == [2, 3]
    assert not Session.objects.filter(ended_at=None).exists()
    agent.refresh_from_db()
    assert agent.observed == "offline"
    assert hello(agent).generation == 3
