"""What the agent's own program sends is what the server takes, and each refusal is understood."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import msgspec
import pytest

from agents.client import seam
from agents.client.clock import BootClock
from agents.client.identity import Identity
from agents.client.link.requests import Composer
from agents.client.link.transports.http import HttpTransport, Request, Unanswered
from agents.client.link.vocabulary import Trouble
from agents.models import Agent
from agents.wire.messages import (
    Claimed,
    Finished,
    HeartbeatAnswer,
    Message,
    Registered,
    ReportsAnswer,
    SessionOpened,
    Started,
)
from k8s4r import clock
from k8s4r.access.services import tokens
from tests.builders import a_pool, a_task, state_of
from tests.serving import Served, an_enrolment_token

Answer = TypeVar("Answer")


@pytest.fixture
def composer(gateway: Served, tmp_path: Path) -> Composer:
    """Return what a link is made of on a machine that may enrol."""
    secret = tmp_path / "enrolment"
    secret.write_text(an_enrolment_token(pool_id=a_pool(name="default").pk))
    secret.chmod(0o600)
    setup = seam.Setup(
        session=uuid4(),
        boot_id="boot",
        clock_base=0.0,
        url=gateway.url,
        name="machine-1",
        state_folder=str(tmp_path),
        labels={},
        drivers=["exec", "noop"],
        capabilities={},
        enrolment_token_file=str(secret),
    )
    roster = seam.Roster(held=[], stopping=[], free=2, draining=False, frames_taken=0, slots=2)
    return Composer(setup, BootClock(), roster, claim_wait_s=10.0)


def ask(url: str, request: Request, kind: type[Answer]) -> Answer:
    """Send a request as the link does, and read the answer as it does."""

    async def asked() -> bytes:
        transport = HttpTransport(url, ca_file=None)
        try:
            return await transport.ask(request)
        finally:
            await transport.close()

    return msgspec.json.decode(asyncio.run(asked()), type=kind)


def trouble(url: str, request: Request) -> Trouble:
    """Return what the link makes of the refusal of this request."""
    with pytest.raises(Unanswered) as refusal:
        ask(url, request, Message)
    return refusal.value.trouble


@pytest.fixture
def enrolled(gateway: Served, composer: Composer) -> Composer:
    """Return the link of a machine that has enrolled and opened its session."""
    registered = ask(gateway.url, composer.register(), Registered)
    composer.identity = Identity(agent=registered.id, token=registered.token)
    opened = ask(gateway.url, composer.session(), SessionOpened)
    assert opened.adopted == []
    return composer


def test_a_link_enrols_opens_its_session_and_beats(gateway: Served, enrolled: Composer) -> None:
    answer = ask(gateway.url, enrolled.heartbeat(sent_at=12.5), HeartbeatAnswer)
    assert answer.sent_at == 12.5
    assert enrolled.identity is not None
    assert Agent.objects.get(pk=enrolled.identity.agent).observed == "online"


def test_a_link_gets_its_order_and_delivers_the_result(gateway: Served, enrolled: Composer) -> None:
    pool = a_pool()
    task = a_task(pool, now=clock.now())
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    [order] = ask(gateway.url, enrolled.claim(), Claimed).orders
    said = {"attempt": order.attempt, "token": order.token, "at": enrolled.clock.now()}
    reports = [Started(seq=1, **said), Finished(seq=2, exit_code=0, **said)]
    items = [seam.Item(one.attempt, one.seq, msgspec.json.encode(one)) for one in reports]
    answer = ask(gateway.url, enrolled.reports(items), ReportsAnswer)
    assert [one.status for one in answer.results] == ["ok", "ok"]
    assert state_of(task) == "completed"


def _with_token(composer: Composer, token: str) -> Composer:
    assert composer.identity is not None
    composer.identity = Identity(agent=composer.identity.agent, token=token)
    return composer


def _of_agent(composer: Composer, agent_id: UUID) -> Composer:
    assert composer.identity is not None
    composer.identity = Identity(agent=agent_id, token=composer.identity.token)
    return composer


@pytest.mark.parametrize(
    ("spoil", "meaning"),
    [
        (lambda link: _with_token(link, "agt_no_such_token"), Trouble.REFUSED),
        (lambda link: _of_agent(link, uuid4()), Trouble.NO_SESSION),
    ],
)
def test_a_refused_heartbeat_is_understood(
    gateway: Served, enrolled: Composer, spoil: Callable[[Composer], Composer], meaning: Trouble
) -> None:
    assert trouble(gateway.url, spoil(enrolled).heartbeat(sent_at=1.0)) is meaning


def test_a_revoked_token_is_understood(gateway: Served, enrolled: Composer) -> None:
    assert enrolled.identity is not None
    tokens.revoke_agent(enrolled.identity.agent, now=clock.now())
    assert trouble(gateway.url, enrolled.claim()) is Trouble.REFUSED


def test_being_superseded_is_understood(gateway: Served, enrolled: Composer) -> None:
    before = enrolled.setup
    enrolled.setup = msgspec.structs.replace(before, session=uuid4())
    ask(gateway.url, enrolled.session(), SessionOpened)
    enrolled.setup = before
    for request in (enrolled.heartbeat(sent_at=1.0), enrolled.claim()):
        assert trouble(gateway.url, request) is Trouble.SUPERSEDED


def test_a_report_that_cannot_be_read_is_understood(gateway: Served, enrolled: Composer) -> None:
    items = [seam.Item(uuid4(), 1, b'{"kind": "unheard_of"}')]
    assert trouble(gateway.url, enrolled.reports(items)) is Trouble.REJECTED


def test_nobody_there_is_understood(composer: Composer) -> None:
    assert trouble("http://127.0.0.1:1", composer.register()) is Trouble.AWAY
