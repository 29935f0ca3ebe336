"""Which agents are there, and when was each last heard?"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery

from agents.models import Agent, Session, Slot
from k8s4r.access import selectors as access
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission


def agents(principal: Principal) -> QuerySet[Agent]:
    """Return the agents that exist for the caller and are not archived, by name."""
    found = Agent.objects.filter(archived_at=None).order_by("name", "id")
    return access.within(found, principal, Permission.FLEET_READ)


def with_last_seen(found: QuerySet[Agent]) -> QuerySet[Agent]:
    """Add ``last_seen_at``: the newest heartbeat of any session; ``None`` if there was none."""
    newest = Session.objects.filter(agent=OuterRef("pk")).order_by("-last_heartbeat_at")
    return found.annotate(last_seen_at=Subquery(newest.values("last_heartbeat_at")[:1]))


def open_session(agent_id: UUID) -> Session | None:
    """Return the agent's open session."""
    return Session.objects.filter(agent_id=agent_id, ended_at=None).first()


def last_seen(agent_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return when each agent was last heard; one that never was is absent."""
    sessions = Session.objects.filter(agent_id__in=agent_ids).order_by("last_heartbeat_at")
    return dict(sessions.values_list("agent_id", "last_heartbeat_at"))


def settings_applied(agent_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return which settings the runner of each agent goes by; one without a runner is absent."""
    sessions = Session.objects.filter(agent_id__in=agent_ids, ended_at=None)
    return dict(sessions.values_list("agent_id", "settings_version"))


def slots(agent_id: UUID) -> QuerySet[Slot]:
    """Return the agent's slots in use, by index."""
    return Slot.objects.filter(agent_id=agent_id, retired_at=None).order_by("index")


def slot_counts(agent_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many slots each agent has in use; one without any is absent."""
    in_use = Slot.objects.filter(agent_id__in=agent_ids, retired_at=None).order_by()
    return dict(in_use.values_list("agent_id").annotate(count=Count("pk")))
