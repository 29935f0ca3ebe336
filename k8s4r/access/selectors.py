"""Which users, projects and tokens are there? Reads only."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Q, QuerySet

from k8s4r.access.models import Project, Token, TokenKind
from k8s4r.access.principals import Principal
from k8s4r.core import ids
from k8s4r.core.errors import NotFound


def projects(principal: Principal) -> QuerySet[Project]:
    """Return the projects that exist for the caller, by name."""
    rows = Project.objects.order_by("name")
    return rows if principal.project_ids is None else rows.filter(pk__in=principal.project_ids)


def project_named(text: str, principal: Principal) -> Project:
    """Return a project by its name or id.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = projects(principal).filter(_named(text)).first()
    if found is None:
        raise NotFound(f"no project {text}")
    return found


def own_tokens(principal: Principal) -> QuerySet[Token]:
    """Return the person's tokens that may still be used or were, newest first."""
    return Token.objects.filter(kind=TokenKind.PERSON, user_id=principal.id).order_by(
        "-created_at", "-id"
    )


def enrolment_tokens(principal: Principal) -> QuerySet[Token]:
    """Return the enrolment tokens of the caller's projects, newest first."""
    rows = Token.objects.filter(kind=TokenKind.ENROLMENT).order_by("-created_at", "-id")
    if principal.project_ids is None:
        return rows
    return rows.filter(project_id__in=principal.project_ids)


class Rotation(StrEnum):
    """How far an agent's new token is: asked for, handed out, or in use."""

    NONE = "none"
    DUE = "due"
    HANDED_OUT = "handed_out"
    CURRENT = "current"


def rotation(agent_id: UUID, *, now: datetime) -> Rotation:
    """Return how far the rotation of an agent's token is; ``none``: it has no good token."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    good = Token.objects.filter(
        unexpired, kind=TokenKind.AGENT, subject=agent_id, revoked_at=None
    ).values_list("rotating", "supersedes_id")
    found = list(good)
    if not found:
        return Rotation.NONE
    if not any(rotating for rotating, _ in found):
        return Rotation.CURRENT
    handed_out = any(before is not None and not rotating for rotating, before in found)
    return Rotation.HANDED_OUT if handed_out else Rotation.DUE


def _named(text: str) -> Q:
    identity = ids.as_uuid(text)
    return Q(name=text) if identity is None else Q(name=text) | Q(pk=identity)
