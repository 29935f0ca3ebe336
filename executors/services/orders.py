"""What is each agent to do now: which orders are open, and what is it to stop?

Repeating a claim repeats its orders, with the same tokens: an answer that got lost costs nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.core.sessions import SessionSuperseded
from agents.core.states import Desired
from agents.wire.messages import ApprovedPlan, Claimed, Directives, Order, OrderedTask, Stop
from executors.core.fences import Fence
from executors.core.lifecycle import AttemptEvent, AttemptState, StopReason
from executors.core.news import SUPERSEDED, CurrentAttempt, News, news_for
from executors.services import adoption, order_statements, rows
from executors.services.wanting import OwnSettings
from k8s4r import database
from k8s4r.audit import attribution
from k8s4r.core.errors import DomainError, Forbidden, NotFound

# Where in the row of an order the columns of its plan begin.
_PLAN: Final = 14


@dataclass(frozen=True, slots=True)
class Ask:
    """One claim: the agent by its token, its session, and the attempts it has.

    ``settings_version`` is what its runner goes by.
    """

    agent_id: UUID
    session: UUID
    held: Sequence[UUID] = ()
    stopping: Sequence[UUID] = ()
    settings_version: int = 0


@dataclass(frozen=True, slots=True)
class _Present:
    """An agent with its open session."""

    desired: Desired
    session_id: UUID | None
    own: OwnSettings


def open_orders(asks: Sequence[Ask], *, now: datetime) -> list[Claimed | DomainError]:
    """Return the open orders and directives of many agents, in a constant number of statements.

    An order that was stopped before any runner had it ends here; unknown work that a runner turns
    out to have goes on. Nothing else is written, and without such work nothing is locked.

    Locks: the tasks of what ended or goes on, by pk; then the attempts, by pk.

    Returns:
        One answer per ask: `Claimed`, empty when there is nothing to say yet; `SessionSuperseded`
        for a session that is not the agent's open one; `NotFound` or `Forbidden` for an agent that
        is gone or was revoked.
    """
    agents = _agents({ask.agent_id for ask in asks})
    refusals = [_refusal(ask, agents.get(ask.agent_id)) for ask in asks]
    admitted = [None if refusal else ask for ask, refusal in zip(asks, refusals, strict=True)]
    current = _current({ask.agent_id for ask in admitted if ask})
    news = [
        News() if ask is None else _news(ask, current.get(ask.agent_id, [])) for ask in admitted
    ]
    _repair(news, now=now)
    orders = _orders([one for each in news for one in each.orders])
    reported = _reported([one for each in news for one in each.foreign])
    return [
        refusal or _claimed(each, ask, agents[ask.agent_id], orders, reported)
        for ask, refusal, each in zip(asks, refusals, news, strict=True)
    ]


def _agents(agent_ids: Iterable[UUID]) -> dict[UUID, _Present]:
    found = database.rows(order_statements.AGENTS, [sorted(agent_ids)])
    return {row[0]: _Present(Desired(row[1]), row[2], OwnSettings(*row[3:])) for row in found}


def _refusal(ask: Ask, agent: _Present | None) -> DomainError | None:
    if agent is None:
        return NotFound(f"there is no agent {ask.agent_id}")
    if agent.desired is Desired.REVOKED:
        return Forbidden(f"agent {ask.agent_id} was revoked")
    if agent.session_id != ask.session:
        return SessionSuperseded(f"{ask.session} is not this agent's open session")
    return None


def _current(agent_ids: Iterable[UUID]) -> dict[UUID, list[CurrentAttempt]]:
    """Return the current attempts of each agent, in the order in which they were assigned."""
    by_agent: dict[UUID, list[CurrentAttempt]] = {}
    for row in database.rows(order_statements.CURRENT, [sorted(agent_ids)]):
        identity, agent_id, session_id, state, stop_reason, untouched = row
        attempt = CurrentAttempt(
            identity, session_id, AttemptState(state), StopReason(stop_reason), untouched
        )
        by_agent.setdefault(agent_id, []).append(attempt)
    return by_agent


def _news(ask: Ask, current: Sequence[CurrentAttempt]) -> News:
    return news_for(current, session_id=ask.session, held=ask.held, stopping=ask.stopping)


def _repair(news: Sequence[News], *, now: datetime) -> None:
    """Let unknown work that is there go on, and end what was stopped before anybody had it."""
    returned = {one for each in news for one in each.returned}
    undelivered = {one for each in news for one in each.undelivered}
    if not returned and not undelivered:
        return
    with transaction.atomic():
        locked = rows.lock(returned | undelivered)
        attribution.attribute(attribution.AGENTS, cause="claim")
        found = locked.attempts.values()
        adoption.adopt([one for one in found if one.id in returned], now=now)
        nobodys = [
            one.id
            for one in found
            if one.id in undelivered and one.state is AttemptState.STOPPING and one.last_seq == 0
        ]
        adoption.end(nobodys, AttemptEvent.STOPPED, locked, now=now)


def _orders(attempt_ids: Sequence[UUID]) -> dict[UUID, Order]:
    if not attempt_ids:
        return {}
    found = database.rows(order_statements.ORDERS, [list(attempt_ids)])
    return {order.attempt: order for order in from_rows(found)}


def from_rows(rows: Iterable[Sequence[Any]]) -> list[Order]:
    """Return the orders that rows of `order_statements.ORDER_COLUMNS` say."""
    fence = Fence(settings.ATTEMPT_KEY)
    return [_order(row, fence) for row in rows]


def _order(row: Sequence[Any], fence: Fence) -> Order:
    identity, number, lost_after_s, disconnect, slot, *task = row[:_PLAN]
    return Order(
        attempt=identity,
        number=number,
        token=fence.token(identity, number),
        slot=slot,
        task=_ordered_task(*task),
        lost_after_s=lost_after_s,
        disconnect=disconnect,
        plan=_plan(*row[_PLAN:]),
    )


def _plan(attempt: UUID | None = None, sha256: str | None = None) -> ApprovedPlan | None:
    """Return what an apply applies; the orders of all other work say nothing of it."""
    return None if attempt is None else ApprovedPlan(attempt=attempt, sha256=sha256 or "")


def _ordered_task(*row: Any) -> OrderedTask:
    identity, kind, driver, phase, spec, name, project, pool, run_timeout_s = row
    return OrderedTask(
        id=identity,
        kind=kind,
        driver=driver,
        phase=phase,
        spec=json.loads(spec) if isinstance(spec, str) else spec,
        name=name,
        project=project,
        pool=pool,
        run_timeout_s=run_timeout_s,
    )


def _reported(attempt_ids: Sequence[UUID]) -> frozenset[UUID]:
    if not attempt_ids:
        return frozenset()
    found = database.rows(order_statements.REPORTED, [list(attempt_ids)])
    return frozenset(row[0] for row in found)


def _claimed(
    news: News, ask: Ask, agent: _Present, orders: Mapping[UUID, Order], reported: frozenset[UUID]
) -> Claimed:
    stops = [Stop(attempt=attempt, reason=reason) for attempt, reason in news.stops.items()]
    stops += [
        Stop(attempt=attempt, reason=SUPERSEDED)
        for attempt in news.foreign
        if attempt not in reported
    ]
    return Claimed(
        orders=[orders[attempt] for attempt in news.orders if attempt in orders],
        directives=Directives(
            stop=stops,
            drain=agent.desired is Desired.DRAINING,
            paused=agent.desired is Desired.PAUSED,
            wanted=agent.own.due(ask.settings_version),
        ),
    )
