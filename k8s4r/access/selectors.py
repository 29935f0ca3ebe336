"""Which users, projects, roles and tokens are there? Reads only."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from k8s4r.access.models import (
    OF_AGENTS,
    Membership,
    Project,
    SecondFactor,
    Token,
    TokenKind,
    User,
)
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.core import ids, roles, second_factor
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import EVERYTHING, Permission, Rights
from k8s4r.core.second_factor import SETUP_LASTS, Policy

M = TypeVar("M", bound=Model)


def rights(users: Iterable[User]) -> dict[UUID, Rights]:
    """Return what people may do by their roles; a superuser may do everything.

    One query for any number, none when all of them are superusers.
    """
    people = list(users)
    found = {user.pk: EVERYTHING for user in people if user.is_superuser}
    given: dict[UUID, list[tuple[UUID | None, str]]] = {
        user.pk: [] for user in people if not user.is_superuser
    }
    if given:
        rows = Membership.objects.filter(user__in=given).order_by()
        for user_id, project_id, role in rows.values_list("user", "project", "role"):
            given[user_id].append((project_id, role))
    return found | {user_id: roles.rights(own) for user_id, own in given.items()}


def person(user: User) -> Principal:
    """Return a person who is known by a session, with all that their roles allow."""
    return Principal(
        kind=PrincipalKind.PERSON,
        id=user.pk,
        token_id=user.pk,
        name=user.username,
        rights=rights([user])[user.pk],
    )


def user_named(name: str) -> User:
    """Return the person of that name.

    Raises:
        NotFound: there is none.
    """
    # PostgreSQL has no text with NUL, so nobody is called that.
    user = None if "\x00" in name else User.objects.filter(username=name).first()
    if user is None:
        raise NotFound(f"no user {name}")
    return user


def factor_of(user_id: UUID) -> SecondFactor | None:
    """Return the second factor of a person, ``None`` while it is off."""
    return SecondFactor.objects.filter(user=user_id, confirmed_at__isnull=False).first()


def factor_begun(user_id: UUID, *, now: datetime) -> SecondFactor | None:
    """Return the second factor that a person is setting up."""
    begun = SecondFactor.objects.filter(user=user_id, confirmed_at=None)
    return begun.filter(begun_at__gt=now - SETUP_LASTS).first()


def has_factor() -> Exists:
    """Return whether a person has a second factor, as a column of a list of people."""
    own = SecondFactor.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)
    return Exists(own)


def is_asked_for_code(user: User) -> bool:
    """Has this person to show a code after the password?"""
    return settings.SECOND_FACTOR is not Policy.OFF and factor_of(user.pk) is not None


def needs_factor(user: User) -> bool:
    """Has this person to have a second factor, by their roles? A query only where roles decide."""
    policy = settings.SECOND_FACTOR
    given: set[str] = set()
    if policy is Policy.REQUIRED_FOR_ADMINS and not user.is_superuser:
        given = set(Membership.objects.filter(user=user).values_list("role", flat=True))
    return second_factor.is_required(policy, is_superuser=user.is_superuser, roles=given)


def within(
    rows: QuerySet[M], principal: Principal, needs: Permission, *, by: str = "project_id"
) -> QuerySet[M]:
    """Return those rows in whose project, the column ``by``, the caller may do this."""
    allowed = principal.projects(needs)
    return rows if allowed is None else rows.filter(**{f"{by}__in": allowed})


def projects(principal: Principal) -> QuerySet[Project]:
    """Return the projects that exist for the caller, by name."""
    rows = Project.objects.order_by("name")
    return within(rows, principal, Permission.PROJECT_READ, by="pk")


def project_named(text: str, principal: Principal) -> Project:
    """Return a project by its name or id.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = projects(principal).filter(_named(text)).first()
    if found is None:
        raise NotFound(f"no project {text}")
    return found


def members(project: Project) -> QuerySet[Membership]:
    """Return the roles in a project, those that hold in every project among them."""
    return (
        Membership.objects.filter(Q(project=project) | Q(project=None))
        .select_related("user")
        .order_by("user__username", "role", "id")
    )


def tokens_of_people(principal: Principal) -> QuerySet[Token]:
    """Return the tokens of people that the caller may know of, newest first.

    Those are their own, and where they look after tokens, those that are good for one of these
    projects alone; one that reaches further belongs to who looks after tokens everywhere.
    """
    rows = Token.objects.filter(kind=TokenKind.PERSON).select_related("user", "project")
    keeps = principal.projects(Permission.TOKENS_READ)
    if keeps is not None:
        rows = rows.filter(Q(user_id=principal.id) | Q(project_id__in=keeps))
    return rows.order_by("-created_at", "-id")


def enrolment_tokens(principal: Principal) -> QuerySet[Token]:
    """Return the enrolment tokens of the projects whose tokens the caller may see, newest first."""
    rows = Token.objects.filter(kind=TokenKind.ENROLMENT).order_by("-created_at", "-id")
    return within(rows, principal, Permission.TOKENS_READ)


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
        unexpired, kind__in=OF_AGENTS, subject=agent_id, revoked_at=None
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
