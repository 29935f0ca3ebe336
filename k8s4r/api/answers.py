"""What do answers look like that more than one app gives, and those of this package?

These structs describe what is answered; `tests/contract/test_examples.py` holds answers to them.
"""

from datetime import datetime
from typing import Annotated, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from k8s4r.core.roles import Permission, Role

T = TypeVar("T")
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is answered. A reader ignores fields it does not know: there may come more."""


class Count(Shape, frozen=True):
    """How many there are in all: ``value``, or more than that when it is not ``exact``."""

    value: int
    exact: bool


class Page(Shape, Generic[T], frozen=True):
    """A part of a list; ``next`` is the ``cursor`` of the part that follows, if there is one.

    ``count`` is of the whole list, for who asked for it.
    """

    items: list[T]
    next: str | None
    count: Count | UnsetType = UNSET


class Items(Shape, Generic[T], frozen=True):
    """A whole list, in the order of the request."""

    items: list[T]


class Index(Shape, frozen=True):
    """Where an interface begins: its version, and the paths of its lists and documents by name."""

    api_version: str
    links: dict[str, str]


class About(Shape, frozen=True):
    """The server and what it stands on, ``null`` for what does not answer; what one may do.

    ``generation`` is one more after each restore of the database.
    """

    version: str
    python: str
    database: str
    redis: str | None
    user: str
    permissions: dict[str, list[Permission]]
    backup_at: Moment | None
    generation: int


class Token(Shape, frozen=True):
    """An API token of a person, without its text."""

    id: UUID
    key_id: str
    label: str
    user: str | None
    project_id: UUID | None
    scopes: list[Permission]
    created_at: Moment
    expires_at: Moment | None
    used_at: Moment | None
    revoked_at: Moment | None


class MintedToken(Token, frozen=True):
    """A new API token; ``token`` is its text, shown this once."""

    token: str


class Member(Shape, frozen=True):
    """A person with the roles they have in a project, and in every project."""

    user: str
    user_id: UUID
    roles: list[Role]
    roles_everywhere: list[Role]


class SecondFactor(Shape, frozen=True):
    """Whether a person has a second factor, and whether their roles need one."""

    user: str
    user_id: UUID
    on: bool
    since: Moment | None
    recovery_codes_left: int
    needed: bool


class FieldError(Shape, frozen=True):
    """One thing that is wrong: where (RFC 6901, or ``?name`` of the query), by which rule."""

    pointer: str
    rule: str
    detail: str


class Problem(Shape, frozen=True):
    """A refusal (RFC 9457). ``code`` is stable; ``request_id`` stands on log lines as well."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    request_id: str
    errors: list[FieldError]
