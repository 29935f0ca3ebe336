"""By which names do operators know who acted?"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from agents.models import Agent
from k8s4r.access.models import User
from k8s4r.audit.models import AuditEvent
from k8s4r.core.ids import as_uuid


def names(events: Iterable[AuditEvent]) -> Mapping[str, str]:
    """Return ``user alice``, ``agent web-1`` for the actors of these events, by id; two queries."""
    ids: dict[str, set[UUID]] = {"user": set(), "agent": set()}
    for event in events:
        identity = as_uuid(event.actor_id)
        if identity and event.actor_kind in ids:
            ids[event.actor_kind].add(identity)
    users = User.objects.filter(pk__in=ids["user"]).values_list("pk", "username")
    agents = Agent.objects.filter(pk__in=ids["agent"]).values_list("pk", "name")
    return {
        **{str(pk): f"user {name}" for pk, name in users},
        **{str(pk): f"agent {name}" for pk, name in agents},
    }


def name(event: AuditEvent, known: Mapping[str, str]) -> str:
    """Return who acted, by name when there is one, else by the kind of caller."""
    return known.get(event.actor_id) or event.actor_kind
