"""Heartbeats renew leases, notice changes, carry directives and new tokens, in few statements."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.core.sessions import SessionSuperseded
from agents.models import Agent, Session
from agents.wire.messages import Heartbeat
from executors.models import Attempt
from executors.services import heartbeats
from executors.services.heartbeats import Beat
from k8s4r import clock
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Forbidden, NotFound
from tests.builders import (
    NOON,
    a_pool,
    a_task,
    an_agent,
    an_attempt,
    seconds,
    session_of,
)

pytestmark = pytest.mark.django_db
LATER = NOON + seconds(10)


def a_beat(agent, *, session=None, token_id=None, **fields):
    message = Heartbeat(session=session or session_of(agent).pk, sent_at=7.5, **fields)
    return Beat(agent.pk, token_id or clock.new_id(), message)


def without_session(agent, **fields):
    return Beat(agent.pk, clock.new_id(), Heartbeat(**fields))


def beat(item, now=LATER):
    (answer,) = heartbeats.beat([item], now=now)
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_heartbeat_renews_the_lease_and_gives_back_its_send_time():
    agent = an_agent()
    answer = beat(a_beat(agent))
    assert session_of(agent).last_heartbeat_at == LATER
    assert (answer.server_time, answer.sent_at) == (LATER, 7.5)
    assert answer.token is None


def test_an_ordinary_heartbeat_does_not_touch_the_agents_row():
    agent = an_agent()
    before = Agent.objects.values().get(pk=agent.pk)
    with CaptureQueriesContext(connection) as queries:
        beat(a_beat(agent))
    assert Agent.objects.values().get(pk=agent.pk) == before
    assert not any("UPDATE agents_agent" in query["sql"] for query in queries)


def test_a_silent_agent_is_online_again_with_its_heartbeat():
    agent = an_agent(observed="offline")
    beat(a_beat(agent))
    assert Agent.objects.get(pk=agent.pk).observed == "online"
    event = AuditEvent.objects.filter(object_id=agent.pk).latest("id")
    assert (event.cause, event.actor_id) == ("heartbeat", str(agent.pk))


def test_an_agent_says_that_it_cannot_work_and_that_it_can_again():
    agent = an_agent()
    beat(a_beat(agent, error="no disk"))
    agent.refresh_from_db()
    assert (agent.observed, agent.observed_reason) == ("error", "no disk")
    beat(a_beat(agent))
    agent.refresh_from_db()
    assert (agent.observed, agent.observed_reason) == ("online", "")


def test_device_facts_are_kept_when_they_are_sent():
    agent = an_agent(device_info={"os": "old"})
    beat(a_beat(agent, device_info={"os": "new"}))
    beat(a_beat(agent))
    assert Agent.objects.get(pk=agent.pk).device_info == {"os": "new"}


def test_an_agent_that_waits_for_approval_stays_pending():
    agent = an_agent(observed="pending")
    beat(a_beat(agent))
    assert Agent.objects.get(pk=agent.pk).observed == "pending"


def test_the_heartbeat_of_an_ended_session_is_refused_and_renews_nothing():
    agent = an_agent()
    old = session_of(agent).pk
    Session.objects.filter(pk=old).update(ended_at=NOON)
    with pytest.raises(SessionSuperseded):
        beat(a_beat(agent, session=old))
    assert Session.objects.get(pk=old).last_heartbeat_at == NOON


def test_nobody_renews_another_agents_lease():
    mine, yours = an_agent(), an_agent()
    with pytest.raises(SessionSuperseded):
        beat(a_beat(mine, session=session_of(yours).pk))
    assert session_of(yours).last_heartbeat_at == NOON


def test_revoked_and_unknown_agents_are_refused():
    with pytest.raises(Forbidden):
        beat(a_beat(an_agent(desired="revoked")))
    with pytest.raises(NotFound):
        beat(without_session(Agent(pk=clock.new_id())))


def test_an_agent_without_a_runner_is_seen_but_has_no_lease():
    agent = an_agent(observed="offline")
    Session.objects.all().delete()
    beat(without_session(agent))
    beat(without_session(agent), now=LATER + seconds(10))
    seen = session_of(agent)
    assert (seen.slots, seen.last_heartbeat_at) == (0, LATER + seconds(10))
    assert Agent.objects.get(pk=agent.pk).observed == "online"


def test_a_heartbeat_without_a_session_renews_no_runners_lease():
    agent = an_agent()
    beat(without_session(agent))
    assert session_of(agent).last_heartbeat_at == NOON


def test_directives_ride_on_the_answer():
    agent = an_agent(desired="draining")
    attempt = an_attempt(a_task(a_pool(agent)), agent, state="running")
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="cancel")
    directives = beat(a_beat(agent)).directives
    assert directives.drain
    assert [(stop.attempt, stop.reason) for stop in directives.stop] == [(attempt.pk, "cancel")]


def test_a_flagged_token_is_answered_with_its_successor():
    agent = an_agent()
    terms = Terms(lifetime=seconds(3600), subject=agent.pk, project_id=agent.project_id)
    token, _ = tokens.mint(TokenKind.AGENT, terms, now=NOON)
    tokens.flag_rotation(agent.pk, now=NOON)

    answer = beat(a_beat(agent, token_id=token.pk))

    successor = Token.objects.get(supersedes=token)
    assert answer.token.split("_")[1] == successor.key_id
    assert answer.token_expires_at == successor.expires_at
    assert Token.objects.get(pk=token.pk).revoked_at is None


def test_fifty_heartbeats_cost_as_many_statements_as_one():
    def statements(count, **fields):
        items = [a_beat(an_agent(observed="offline"), **fields) for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            answers = heartbeats.beat(items, now=LATER)
        assert not any(isinstance(answer, Exception) for answer in answers)
        return len(queries)

    assert statements(1) == statements(50)
    quiet = [a_beat(an_agent()) for _ in range(50)]
    with CaptureQueriesContext(connection) as queries:
        heartbeats.beat(quiet, now=LATER)
    assert len(queries) <= 5, "savepoint, look, renew, stops, release"


def test_one_refused_heartbeat_leaves_the_others_their_answers():
    good, bad = an_agent(), an_agent(desired="revoked")
    first, second = heartbeats.beat([a_beat(bad), a_beat(good)], now=LATER)
    assert isinstance(first, Forbidden)
    assert second.server_time == LATER
