"""Who is alive? One heartbeat renews everything its agent runs.

Heartbeats write sessions. An agent's own row, the lock of its capacity, is written only when what
the agent is changes.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.core import willingness
from agents.core.liveness import after_heartbeat
from agents.core.sessions import SessionSuperseded
from agents.core.states import Desired, Observed
from agents.wire.messages import Directives, Heartbeat, HeartbeatAnswer, Stop
from agents.wire.settings import NotNow
from executors.services import capacity, heartbeat_statements, order_statements
from executors.services.wanting import OwnSettings
from k8s4r import database
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Minted
from k8s4r.audit import attribution
from k8s4r.core.errors import DomainError, Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat, with the agent and the token it came by."""

    agent_id: UUID
    token_id: UUID
    message: Heartbeat


@dataclass(frozen=True, slots=True)
class _Known:
    """An agent as its row says, its open session, and whether one of its tokens is replaced."""

    desired: Desired
    observed: Observed
    reason: str
    session_id: UUID | None
    is_rotating: bool
    not_now: NotNow | None
    own: OwnSettings

    def not_now_after(self, message: Heartbeat, now: datetime) -> NotNow | None:
        """Only a runner knows whether the agent takes work; others leave it as it is."""
        if message.session is None:
            return self.not_now
        return willingness.present(message.not_now, now=now)

    def is_changed_by(self, message: Heartbeat, now: datetime) -> bool:
        return (
            message.device_info is not None
            or self.reason != (message.error or "")
            or self.not_now != self.not_now_after(message, now)
            or self.observed is not after_heartbeat(self.observed, message.error)
        )


@transaction.atomic
def beat(items: Sequence[Beat], *, now: datetime) -> list[HeartbeatAnswer | DomainError]:
    """Take the heartbeats of many agents together, in a constant number of statements.

    Locks: the agents that change, by pk; then the sessions, by pk.

    Returns:
        One answer per heartbeat; `SessionSuperseded` where its session is not the open one,
        `NotFound` or `Forbidden` for an agent that is gone or was revoked.
    """
    known = _known({item.agent_id for item in items})
    refusals = [_refusal(item, known.get(item.agent_id)) for item in items]
    counted = [item for item, refusal in zip(items, refusals, strict=True) if refusal is None]
    _describe(counted, known, now=now)
    renewed = _renew(counted, now=now)
    stops = _stops([item.agent_id for item in counted])
    rotating = {item.token_id for item in counted if known[item.agent_id].is_rotating}
    minted = _mint(rotating, now=now)
    return [
        refusal
        # Another session may have begun since the look: no lease was renewed then.
        or (None if item.message.session in renewed else _superseded(item))
        or _answer(item, known[item.agent_id], stops, minted.get(item.token_id), now=now)
        for item, refusal in zip(items, refusals, strict=True)
    ]


def _known(agent_ids: Collection[UUID]) -> dict[UUID, _Known]:
    found = database.rows(heartbeat_statements.AGENTS, [sorted(agent_ids)])
    return {row[0]: _known_by(*row[1:]) for row in found}


def _known_by(desired: str, observed: str, *rest: Any) -> _Known:
    reason, session_id, is_rotating, not_now, until, *own = rest
    return _Known(
        Desired(desired),
        Observed(observed),
        reason,
        session_id,
        is_rotating,
        not_now=None if not_now is None else NotNow(reason=not_now, until=until),
        own=OwnSettings(*own),
    )


def _refusal(item: Beat, agent: _Known | None) -> DomainError | None:
    if agent is None:
        return NotFound(f"there is no agent {item.agent_id}")
    if agent.desired is Desired.REVOKED:
        return Forbidden(f"agent {item.agent_id} was revoked")
    session_id = item.message.session
    if session_id is not None and session_id != agent.session_id:
        return _superseded(item)
    return None


def _superseded(item: Beat) -> SessionSuperseded:
    return SessionSuperseded(f"{item.message.session} is not this agent's open session")


def _describe(items: Sequence[Beat], known: Mapping[UUID, _Known], *, now: datetime) -> None:
    """Write what agents are where it changes; who came online may have room for work."""
    said = {
        item.agent_id: item.message
        for item in items
        if known[item.agent_id].is_changed_by(item.message, now)
    }
    if not said:
        return
    attribution.attribute(attribution.AGENTS, cause="heartbeat")
    locked = database.rows(heartbeat_statements.LOCK_AGENTS, [sorted(said)])
    before = {identity: (Observed(observed), unwilling) for identity, observed, unwilling in locked}
    after = {one: after_heartbeat(before[one][0], said[one].error) for one in before}
    asked = {one: known[one].not_now_after(said[one], now) for one in after}
    database.run(
        heartbeat_statements.DESCRIBE,
        {
            "now": now,
            "ids": list(after),
            "observed": [str(observed) for observed in after.values()],
            "reasons": [said[one].error or "" for one in after],
            "devices": [_device(said[one]) for one in after],
            "not_now": [one.reason if one else None for one in asked.values()],
            "until": [one.until if one else None for one in asked.values()],
        },
    )
    able = {one for one in after if after[one] is Observed.ONLINE and asked[one] is None}
    capacity.freed({one for one in able if before[one] != (Observed.ONLINE, False)})


def _device(message: Heartbeat) -> str | None:
    return None if message.device_info is None else json.dumps(message.device_info)


def _renew(items: Sequence[Beat], *, now: datetime) -> frozenset[UUID | None]:
    """Renew the leases of sessions and return them; an agent without a runner is only seen."""
    renewed: set[UUID | None] = {None}
    runners = {item.message.session: item for item in items if item.message.session}
    if runners:
        found = database.rows(
            heartbeat_statements.RENEW,
            {
                "now": now,
                "sessions": list(runners),
                "agents": [item.agent_id for item in runners.values()],
                "versions": [item.message.settings_version for item in runners.values()],
            },
        )
        renewed |= {row[0] for row in found}
    others = {item.agent_id for item in items if item.message.session is None}
    if others:
        parameters = {
            "now": now,
            "agents": sorted(others),
            "boot": heartbeat_statements.WITHOUT_RUNNER,
        }
        database.run(heartbeat_statements.SEEN, parameters)
    return frozenset(renewed)


def _stops(agent_ids: Collection[UUID]) -> dict[UUID, list[Stop]]:
    """Return what the runner of each session is to stop."""
    stops: dict[UUID, list[Stop]] = {}
    for attempt, session_id, reason in database.rows(
        order_statements.STOPPING, [sorted(set(agent_ids))]
    ):
        stops.setdefault(session_id, []).append(Stop(attempt=attempt, reason=reason))
    return stops


def _mint(token_ids: Collection[UUID], *, now: datetime) -> Mapping[UUID, Minted]:
    return tokens.rotate(token_ids, now=now) if token_ids else {}


def _answer(
    item: Beat,
    agent: _Known,
    stops: Mapping[UUID, list[Stop]],
    minted: Minted | None,
    *,
    now: datetime,
) -> HeartbeatAnswer:
    session_id = item.message.session
    return HeartbeatAnswer(
        server_time=now,
        sent_at=item.message.sent_at,
        directives=Directives(
            stop=stops.get(session_id, []) if session_id else [],
            drain=agent.desired is Desired.DRAINING,
            paused=agent.desired is Desired.PAUSED,
            wanted=agent.own.due(item.message.settings_version) if session_id else None,
        ),
        token=minted.text if minted else None,
        token_expires_at=minted.token.expires_at if minted else None,
    )
