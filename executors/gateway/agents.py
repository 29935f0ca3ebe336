"""What may an agent ask for, and at which path? Parse, hand over, shape the answer."""

import asyncio
from typing import Final, TypeVar

import msgspec

from agents.core.sessions import SessionSuperseded, SlotsDiffer
from agents.wire.messages import (
    Claim,
    Claimed,
    Heartbeat,
    HeartbeatAnswer,
    OpenSession,
    Register,
    Registered,
    Reports,
    ReportsAnswer,
    SessionOpened,
)
from executors.gateway.agent_calls import AgentCalls
from executors.gateway.bodies import MESSAGE, REPORTS, SESSION, Bodies
from executors.gateway.calls import Call
from executors.gateway.claims import Claims
from executors.gateway.exchange import Answer, Exchange, json_answer
from executors.gateway.following import Followers
from k8s4r.access.principals import PrincipalKind
from k8s4r.api.operations import operation
from k8s4r.api.parsing import Limits
from k8s4r.core import ids
from k8s4r.core.errors import Conflict, Forbidden, NotFound

Message = TypeVar("Message")

_REGISTER: Final = msgspec.json.Decoder(Register)
_SESSION: Final = msgspec.json.Decoder(OpenSession)
_HEARTBEAT: Final = msgspec.json.Decoder(Heartbeat)
_CLAIM: Final = msgspec.json.Decoder(Claim)
_REPORTS: Final = msgspec.json.Decoder(Reports)
_COME_BACK: Final = [(b"retry-after", b"1")]


class AgentEndpoints:
    """Handles the paths below ``agents/``."""

    def __init__(
        self, calls: AgentCalls, claims: Claims, followers: Followers, bodies: Bodies
    ) -> None:
        self._calls = calls
        self._claims = claims
        self._followers = followers
        self._bodies = bodies

    @operation(
        needs=None,
        caller=PrincipalKind.ENROLMENT,
        body=Register,
        answers={201: Registered},
        refuses=(Conflict, Forbidden),
    )
    async def register(self, exchange: Exchange) -> Answer:
        """Make the bearer of an enrolment token an agent."""
        token = exchange.bearer()
        message = await self._bodies.message(exchange, _REGISTER)
        return json_answer(
            await self._calls.registrations.submit((token, message, exchange.address)), status=201
        )

    @operation(
        needs=None,
        caller=PrincipalKind.AGENT,
        body=OpenSession,
        answers={200: SessionOpened},
        refuses=(Conflict, SessionSuperseded, SlotsDiffer, Forbidden),
    )
    async def session(self, exchange: Exchange) -> Answer:
        """Begin, or go on with, one life of a runner."""
        call = await self._call(exchange, _SESSION, limits=SESSION)
        return json_answer(await self._calls.sessions.submit(call))

    @operation(
        needs=None,
        caller=PrincipalKind.AGENT,
        body=Heartbeat,
        answers={200: HeartbeatAnswer},
        refuses=(SessionSuperseded, Forbidden),
    )
    async def heartbeat(self, exchange: Exchange) -> Answer:
        """Renew the lease of everything the agent runs; without a body only say: I am there."""
        call = await self._call(exchange, _HEARTBEAT, unsaid=Heartbeat())
        return json_answer(await self._calls.heartbeats.submit(call))

    @operation(
        needs=None,
        caller=PrincipalKind.AGENT,
        body=Reports,
        answers={200: ReportsAnswer},
        refuses=(SessionSuperseded,),
    )
    async def reports(self, exchange: Exchange) -> Answer:
        """Take what attempts did; who follows them is told once it is committed."""
        call = await self._call(exchange, _REPORTS, limits=REPORTS)
        answer = await self._calls.report(call)
        self._followers.reported(item.attempt for item in call.message.items)
        return json_answer(answer)

    @operation(
        needs=None,
        caller=PrincipalKind.AGENT,
        body=Claim,
        answers={200: Claimed},
        refuses=(SessionSuperseded, Forbidden),
    )
    async def claims(self, exchange: Exchange) -> Answer | None:
        """Answer with orders and directives, as soon as there are some."""
        call = await self._call(exchange, _CLAIM)
        waiting = asyncio.ensure_future(self._claims.answer(call))
        gone = asyncio.ensure_future(exchange.gone())
        try:
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return None
            claimed = waiting.result()
        finally:
            waiting.cancel()
            gone.cancel()
        empty = claimed == Claimed()
        return json_answer(claimed, headers=_COME_BACK if empty and self._claims.stopping else [])

    async def _call(
        self,
        exchange: Exchange,
        decoder: "msgspec.json.Decoder[Message]",
        *,
        limits: Limits = MESSAGE,
        unsaid: Message | None = None,
    ) -> Call[Message]:
        """Return who calls and what they say; ``unsaid`` is meant where nothing is sent."""
        token = exchange.bearer()
        agent_id = ids.as_uuid(exchange.part("agent_id"))
        if agent_id is None:
            raise NotFound("no such agent")
        if unsaid is not None and exchange.has_no_body():
            return Call(token, agent_id, unsaid, exchange.address)
        message = await self._bodies.message(exchange, decoder, limits=limits)
        return Call(token, agent_id, message, exchange.address)
