"""Which agents are there, and when was each last heard?"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from agents.core.states import BUSY, Desired, Observed
from agents.models import Agent, Session, Slot
from k8s4r.access import selectors as access
from k8s4r.access.models import OF_AGENTS, Token
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission


def agents(principal: Principal) -> QuerySet[Agent]:
    """Return the agents that exist for the caller and are not archived, by name."""
    found = Agent.objects.filter(archived_at=None).order_by("name", "id")
    return access.within(found, principal, Permission.FLEET_READ)


def with_idle_slots(found: QuerySet[Agent], held: Combinable) -> QuerySet[Agent]:
    """Add ``slots_in_all`` and ``idle_slots``; ``held`` is how many have a current attempt."""
    in_use = Slot.objects.filter(agent=OuterRef("pk"), retired_at=None).order_by()
    counted = in_use.values("agent").annotate(count=Count("pk")).values("count")
    rows = found.annotate(slots_in_all=Coalesce(Subquery(counted), 0))
    return rows.annotate(idle_slots=F("slots_in_all") - held)


def of_status(found: QuerySet[Agent], words: Collection[str]) -> QuerySet[Agent]:
    """Return those of which `agents.core.states.status_word` says one of these words.

    The rows are those of `with_idle_slots`.
    """
    asked = Q(pk__in=())
    online = Q(observed=Observed.ONLINE)
    is_full = Q(idle_slots__lte=0, slots_in_all__gt=0)
    for word in words:
        if word == Desired.REVOKED:
            asked |= Q(desired=Desired.REVOKED)
        elif word == BUSY:
            asked |= ~Q(desired=Desired.REVOKED) & online & is_full
        elif word == Observed.ONLINE:
            asked |= ~Q(desired=Desired.REVOKED) & online & ~is_full
        else:
            asked |= ~Q(desired=Desired.REVOKED) & Q(observed=word)
    return found.filter(asked)


def open_session(agent_id: UUID) -> Session | None:
    """Return the agent's open session."""
    return Session.objects.filter(agent_id=agent_id, ended_at=None).first()


def last_heartbeats(agent_ids: Collection[UUID]) -> dict[UUID, datetime]:
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


def token_expiries(agent_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return when the last of each agent's tokens ends that nobody revoked.

    One that is over already still says since when; an agent without any is absent.
    """
    kept = Token.objects.filter(kind__in=OF_AGENTS, subject__in=agent_ids, revoked_at=None)
    ends = kept.order_by("expires_at").values_list("subject", "expires_at")
    return {agent_id: end for agent_id, end in ends if agent_id is not None and end is not None}
