"""What does an agent look like in JSON?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.core.states import Desired, Observed, status_word
from agents.core.totals import Totals
from agents.models import Agent


@dataclass(frozen=True, slots=True)
class Presence:
    """What of agents is not in their rows.

    When last heard, slots in all and in use, which settings their runners go by, until when their
    tokens are good, and how many tasks ended on them.
    """

    last_heartbeats: Mapping[UUID, datetime]
    slots: Mapping[UUID, int]
    held: Mapping[UUID, int]
    settings_applied: Mapping[UUID, int]
    token_expiries: Mapping[UUID, datetime]
    totals: Mapping[UUID, Totals]

    def idle(self, agent_id: UUID) -> int:
        """Return how many slots of the agent have no current attempt."""
        return self.slots.get(agent_id, 0) - self.held.get(agent_id, 0)


def listed(row: Agent, presence: Presence) -> dict[str, Any]:
    """Return an agent as one of many."""
    return {
        "id": row.pk,
        "agent_id": row.pk,
        "name": row.name,
        "description": row.description,
        "agent_type": row.type,
        "endpoint": row.endpoint,
        "project": row.project.name,
        "project_id": row.project_id,
        **_standing(row, presence),
        "labels": row.labels,
        "capabilities": row.capabilities,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def whole(row: Agent, presence: Presence) -> dict[str, Any]:
    """Return an agent with what its machine is like, and the settings that flow down to it."""
    return {**listed(row, presence), "settings": row.settings, "device_info": row.device_info}


def status(row: Agent, presence: Presence) -> dict[str, Any]:
    """Return how an agent stands, for those who ask often.

    ``safe``: it runs nothing and gets nothing, so the machine may be switched off.
    """
    running = presence.held.get(row.pk, 0)
    return {
        "id": row.pk,
        "agent_id": row.pk,
        "name": row.name,
        **_standing(row, presence),
        "running": running,
        "safe": row.desired != Desired.ACTIVE and not running,
    }


def ids_of(rows: Sequence[Agent]) -> list[UUID]:
    """Return the ids of agents."""
    return [row.pk for row in rows]


def _standing(row: Agent, presence: Presence) -> dict[str, Any]:
    idle, totals = presence.idle(row.pk), presence.totals.get(row.pk, Totals())
    is_full = idle <= 0 and row.pk in presence.slots
    return {
        "status": status_word(Desired(row.desired), Observed(row.observed), is_full=is_full),
        "desired": row.desired,
        "desired_note": row.desired_note,
        "desired_by": row.desired_by,
        "desired_at": row.desired_at,
        "desired_until": row.desired_until,
        "observed": row.observed,
        "reason": row.observed_reason,
        "not_now": _not_now(row),
        "last_heartbeat_at": presence.last_heartbeats.get(row.pk),
        "token_expires_at": presence.token_expiries.get(row.pk),
        "slots": {"total": presence.slots.get(row.pk, 0), "idle": idle},
        "settings_version": row.settings_version,
        "settings_applied": presence.settings_applied.get(row.pk, 0),
        "total_tasks": totals.total,
        "success_tasks": totals.success,
        "failed_tasks": totals.failed,
    }


def _not_now(row: Agent) -> dict[str, Any] | None:
    if row.not_now_since is None:
        return None
    return {
        "reason": row.not_now_reason,
        "since": row.not_now_since,
        "until": row.not_now_until,
    }
