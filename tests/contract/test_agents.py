"""What an agent says and hears over HTTP, from its first call to its last report."""

import threading
from datetime import datetime
from uuid import uuid4

import pytest
from django.db import transaction

from agents.models import Agent, Session
from agents.wire.messages import Finished, Held, Log, Started
from executors import wakeups
from executors.models import Attempt, LogChunk, Task
from executors.services import cancellation
from k8s4r import clock
from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.audit.attribution import Actor
from pools.models import Pool
from tests.builders import a_pool, a_task, a_tasks, an_agent, state_of
from tests.serving import (
    AgentSide,
    Served,
    a_persons_token,
    an_agents_token,
    an_enrolment_token,
)
from tests.waiting import wait_until


@pytest.fixture
def moment(transactional_db: None) -> datetime:
    """Return the database's time: the gateway's own sweeps go by it."""
    return clock.now()


@pytest.fixture
def agent(moment: datetime) -> Agent:
    return an_agent(slots=0, now=moment)


@pytest.fixture
def pool(agent: Agent) -> Pool:
    return a_pool(agent)


@pytest.fixture
def side(gateway: Served, agent: Agent) -> AgentSide:
    return AgentSide(gateway.client(an_agents_token(agent)), agent.pk)


def test_an_enrolled_machine_becomes_an_agent_that_opens_a_session(gateway: Served) -> None:
    token = an_enrolment_token(max_uses=1, pool_id=a_pool().pk)
    with gateway.client(token) as client:
        answer = client.post("/api/v1/agents/register", json={"name": "machine-1"})
    assert answer.status_code == 201, answer.text
    registered = answer.json()
    side = AgentSide(gateway.client(registered["token"]), registered["id"])
    opened = side.open(slots=2)
    assert opened.settings.heartbeat_s > 0
    assert Agent.objects.get(pk=registered["id"]).observed == "online"


def test_a_task_is_ordered_run_and_completed(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    side.open()
    task = a_task(pool, now=moment, spec={"exit_code": 0})
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    [order] = side.claim(wait_s=10).orders
    assert order.task.id == task.pk
    common = {"attempt": order.attempt, "token": order.token, "at": side.sent_at}
    outcomes = side.report(
        Started(seq=1, **common),
        Log(seq=2, stream="stdout", data=b"hello\n", **common),
        Finished(seq=3, exit_code=0, **common),
    )
    assert [outcome.status for outcome in outcomes] == ["ok", "ok", "ok"]
    assert state_of(task) == "completed"
    assert bytes(LogChunk.objects.get(attempt_id=order.attempt).data) == b"hello\n"


def test_a_repeated_claim_repeats_the_same_orders(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    side.open(slots=3)
    a_tasks(pool, 3, now=moment)
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    wait_until(lambda: Attempt.objects.count() == 3)
    first, second = side.claim(), side.claim()
    assert first.orders == second.orders
    assert len(first.orders) == 3
    assert Attempt.objects.count() == 3
    assert side.claim(held=[order.attempt for order in first.orders]).orders == []


def test_a_waiting_claim_is_answered_when_a_task_is_submitted(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    side.open()
    got: list[float] = []
    claiming = threading.Thread(
        target=lambda: got.extend(o.number for o in side.claim(wait_s=25).orders)
    )
    claiming.start()
    wait_until(lambda: len(gateway.gateway.claims) == 1)
    with transaction.atomic():
        a_task(pool, now=moment)
        wakeups.tasks_waiting([pool.pk])
    claiming.join(20)
    assert got == [1]


def test_a_new_session_adopts_what_it_lists_and_loses_what_it_does_not(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    side.open(slots=2)
    a_tasks(pool, 2, now=moment)
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    wait_until(lambda: Attempt.objects.count() == 2)
    kept, lost = side.claim().orders
    for order in (kept, lost):
        side.report(Started(attempt=order.attempt, token=order.token, seq=1, at=side.sent_at))
    side.session_id = uuid4()
    opened = side.open(slots=2, held=[Held(attempt=kept.attempt, token=kept.token, running=True)])
    assert opened.adopted == [kept.attempt]
    assert Attempt.objects.get(pk=lost.attempt).state == "lost"
    assert Attempt.objects.get(pk=kept.attempt).session_id == side.session_id


def test_an_earlier_session_is_refused_by_name(gateway: Served, side: AgentSide) -> None:
    side.open()
    earlier, side.session_id = side.session_id, uuid4()
    side.open()
    side.session_id = earlier
    for path in ("heartbeat", "claims"):
        answer = side.post(path, {"session": str(earlier), "sent_at": 1.0})
        assert answer.status_code == 409, answer.text
        assert answer.json()["code"] == "session_superseded"


def test_a_heartbeat_returns_its_send_time_and_moves_the_lease(
    gateway: Served, side: AgentSide
) -> None:
    side.open()
    before = Session.objects.get(pk=side.session_id).last_heartbeat_at
    side.sent_at = 1234.5
    assert side.beat().sent_at == 1234.5
    assert Session.objects.get(pk=side.session_id).last_heartbeat_at > before


def test_a_cancel_reaches_a_waiting_agent(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    side.open()
    task = a_task(pool, now=moment)
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    [order] = side.claim(wait_s=10).orders
    side.report(Started(attempt=order.attempt, token=order.token, seq=1, at=side.sent_at))
    stops: list[str] = []

    def wait() -> None:
        claimed = side.claim(wait_s=25, held=[order.attempt])
        stops.extend(stop.reason for stop in claimed.directives.stop)

    claiming = threading.Thread(target=wait)
    claiming.start()
    wait_until(lambda: len(gateway.gateway.claims) == 1)
    cancellation.cancel([task.pk], actor=Actor("user", "alice"), now=clock.now())
    claiming.join(20)
    assert stops == ["cancel"]


def test_a_repeated_report_is_a_duplicate_and_changes_nothing(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    side.open()
    task = a_task(pool, now=moment)
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    [order] = side.claim(wait_s=10).orders
    common = {"attempt": order.attempt, "token": order.token, "at": side.sent_at}
    items = [Started(seq=1, **common), Finished(seq=2, exit_code=3, **common)]
    assert [one.status for one in side.report(*items)] == ["ok", "ok"]
    assert [one.status for one in side.report(*items)] == ["duplicate", "duplicate"]
    assert Task.objects.get(pk=task.pk).exit_code == 3


def test_nobody_speaks_for_another_agent(
    gateway: Served, side: AgentSide, agent: Agent, moment: datetime
) -> None:
    side.open()
    other = an_agent(now=moment)
    seen = Session.objects.get(pk=side.session_id).last_heartbeat_at
    with gateway.client(an_agents_token(other)) as client:
        foreign = AgentSide(client, agent.pk, session_id=side.session_id)
        for path in ("session", "heartbeat", "claims", "reports"):
            answer = foreign.post(path, _harmless(path, side))
            assert answer.status_code == 404, (path, answer.text)
            assert answer.json()["code"] == "not_found"
    assert Session.objects.get(pk=side.session_id).last_heartbeat_at == seen


def _harmless(path: str, side: AgentSide) -> dict[str, object]:
    common: dict[str, object] = {"session": str(side.session_id), "sent_at": 1.0}
    item = {"kind": "started", "attempt": str(uuid4()), "token": "t", "seq": 1, "at": 1.0}
    return {
        "session": {**common, "boot_id": "b", "slots": 1},
        "reports": {**common, "items": [item]},
    }.get(path, common)


def test_a_heartbeat_that_says_nothing_makes_a_known_machine_online(gateway: Served) -> None:
    agent = an_agent(slots=0, observed="offline")
    Session.objects.all().delete()
    with gateway.client(an_agents_token(agent)) as client:
        answer = client.post(f"/api/v1/agents/{agent.pk}/heartbeat")
        filled = client.post(f"/api/v1/agents/{agent.pk}/heartbeat", content=b"x")
    assert (answer.status_code, filled.status_code) == (200, 415)
    agent.refresh_from_db()
    assert agent.observed == "online"
    with gateway.client(a_persons_token()) as client:
        shown = client.get(f"/api/v1/agents/{agent.pk}/status").json()
    assert shown["status"] == "online"
    assert shown["last_heartbeat_at"] is not None


@pytest.mark.parametrize("kind", [TokenKind.PERSON, TokenKind.ENROLMENT])
def test_only_an_agents_own_token_opens_its_paths(
    gateway: Served, agent: Agent, kind: TokenKind
) -> None:
    token = a_persons_token() if kind is TokenKind.PERSON else an_enrolment_token()
    with gateway.client(token) as client:
        answer = AgentSide(client, agent.pk).post("heartbeat", {"sent_at": 1.0})
    assert answer.status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "a" * 300])
def test_without_a_good_token_the_answer_is_401_and_does_not_say_why(
    gateway: Served, agent: Agent, header: str
) -> None:
    with gateway.client() as client:
        answer = client.post(
            f"/api/v1/agents/{agent.pk}/heartbeat",
            json={"sent_at": 1.0},
            headers={"Authorization": header} if header else {},
        )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


def test_a_revoked_token_is_refused_like_an_unknown_one(
    gateway: Served, side: AgentSide, agent: Agent
) -> None:
    side.open()
    unknown = an_agents_token(agent)[:-9]
    tokens.revoke_agent(agent.pk, now=clock.now())
    answer = side.post("heartbeat", {"sent_at": 1.0})
    assert answer.status_code == 401
    assert unknown[:4] not in answer.json()["detail"]
