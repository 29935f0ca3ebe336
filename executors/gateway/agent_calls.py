"""How are the messages of agents served? Each kind in batches, through one service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

from agents.core.sessions import SlotsDiffer
from agents.services import sessions as agent_sessions
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
from executors import conf
from executors.gateway.calls import Admitted, Call, answered
from executors.services import enrolment, heartbeats, orders, reporting, sessions
from executors.services.heartbeats import Beat
from executors.services.orders import Ask
from executors.services.reporting import Batch
from k8s4r import clock, failpoints
from k8s4r.access.principals import Principal
from k8s4r.api import authentication
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.audit import attribution
from k8s4r.core.errors import DomainError, Unauthenticated

Message = TypeVar("Message")
Reply = TypeVar("Reply")
# The token, what the machine says, and the address it comes from.
Enrolment: TypeAlias = tuple[str, Register, str]

# One transaction each: what they lock and write is not worth sharing, and a registration must not
# be repeated because of a neighbour.
_ONE: Final = BatchLimits(items=1)
# A wave of agents that all come back at once is still asked for in one query.
_ALL_CLAIMS: Final = BatchLimits(items=20_000)
# Reports carry output: this many reports, or so much of them, make one transaction.
_REPORTS: Final = BatchLimits(items=200, weight=2_000, waiting=2_000)
# Reports are the most that is written. Two transactions at a time, each of its own agents, keep
# the database at work while the other commits; more only wait for each other's interpreter.
_REPORT_LANES: Final = 2


class AgentCalls:
    """The collectors behind the agents' paths."""

    def __init__(self) -> None:
        self.registrations: Collector[Enrolment, Registered] = Collector(
            _register, name="registrations", limits=_ONE
        )
        self.sessions: Collector[Call[OpenSession], SessionOpened] = Collector(
            _open_sessions, name="sessions", limits=_ONE
        )
        self.heartbeats: Collector[Call[Heartbeat], HeartbeatAnswer] = Collector(
            _beat, name="heartbeats"
        )
        self.claims: Collector[Call[Claim], Claimed] = Collector(
            _open_orders, name="claims", limits=_ALL_CLAIMS
        )
        self.reports_taken = 0
        self._reports: Sequence[Collector[Call[Reports], ReportsAnswer]] = [
            Collector(
                _record,
                name=f"reports_{lane}",
                limits=_REPORTS,
                weigh=lambda call: len(call.message.items),
            )
            for lane in range(_REPORT_LANES)
        ]

    def all(self) -> Sequence[Collector[Any, Any]]:
        """Return every collector, for counting and closing."""
        return [self.registrations, self.sessions, self.heartbeats, self.claims, *self._reports]

    async def report(self, call: Call[Reports]) -> ReportsAnswer:
        """Return the answer to reports; those of one agent are taken one after the other.

        Raises:
            DomainError: the refusal of this request.
        """
        answer = await self._reports[call.agent_id.int % _REPORT_LANES].submit(call)
        self.reports_taken += len(call.message.items)
        return answer


def _register(calls: Sequence[Enrolment]) -> list[Registered | DomainError]:
    now = clock.now()
    principals = authentication.authenticate_many([token for token, _, _ in calls], now=now)
    return [
        Unauthenticated("this token is not valid")
        if principal is None
        else _enrolled(principal, message, address, now=now)
        for principal, (_, message, address) in zip(principals, calls, strict=True)
    ]


def _enrolled(
    principal: Principal, message: Register, address: str, *, now: datetime
) -> Registered:
    with attribution.origin(address, token_id=principal.token_id):
        return enrolment.enrol(principal, message, now=now)


def _open_sessions(calls: Sequence[Call[OpenSession]]) -> list[SessionOpened | DomainError]:
    now = clock.now()
    return answered(
        calls,
        lambda admitted: [_opened(one, now=now) for one in admitted],
        now=now,
    )


def _opened(one: Admitted[OpenSession], *, now: datetime) -> SessionOpened:
    with attribution.origin(one.address, token_id=one.token_id):
        try:
            return sessions.open(one.agent_id, one.message, now=now, policy=conf.leases())
        except SlotsDiffer as error:
            agent_sessions.complain(one.agent_id, error.message, now=now)
            raise


def _beat(calls: Sequence[Call[Heartbeat]]) -> list[HeartbeatAnswer | DomainError]:
    now = clock.now()
    return answered(
        calls,
        lambda admitted: heartbeats.beat(
            [Beat(one.agent_id, one.token_id, one.message) for one in admitted],
            now=now,
        ),
        now=now,
    )


def _open_orders(calls: Sequence[Call[Claim]]) -> list[Claimed | DomainError]:
    now = clock.now()
    return answered(
        calls,
        lambda admitted: orders.open_orders([_ask(one) for one in admitted], now=now),
        now=now,
    )


def _ask(admitted: Admitted[Claim]) -> Ask:
    message = admitted.message
    return Ask(
        admitted.agent_id,
        message.session,
        message.held,
        message.stopping,
        message.settings_version,
    )


def _record(calls: Sequence[Call[Reports]]) -> list[ReportsAnswer | DomainError]:
    now = clock.now()
    return answered(
        calls,
        lambda admitted: _recorded([Batch(one.agent_id, one.message) for one in admitted], now=now),
        now=now,
    )


def _recorded(batches: Sequence[Batch], *, now: datetime) -> list[ReportsAnswer | DomainError]:
    answers = reporting.record(batches, now=now)
    failpoints.reach("reports.after_commit")
    return answers
