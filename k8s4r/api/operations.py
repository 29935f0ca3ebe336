"""What is each call of the API for, who may make it, and what goes in and out? Said beside it.

Permissions, the OpenAPI document and the tests that try every call read what is said here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from k8s4r.access.principals import PrincipalKind
from k8s4r.api.answers import Items, Page
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission

_F = TypeVar("_F", bound=Callable[..., Any])
# What OpenAPI has a place for; of each, the methods that a view declares are served.
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_ATTRIBUTE: Final = "operation"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Media:
    """A content that is not only JSON: the type of each media type.

    ``bytes`` stands for any bytes, `k8s4r.api.streams.Events` for server-sent events.
    """

    types: Mapping[str, Any]


# A type for JSON, a tuple when it is one of several, `Media` for others, ``None`` for no content.
Content: TypeAlias = Any


class Repeats(StrEnum):
    """How a call that makes or does something is recognised when it comes again.

    ``TOGETHER``: its answer is kept in the transaction of the change. ``IN_PARTS``: the work
    commits in parts or waits for somebody, and doing the rest of it again does no harm.
    """

    TOGETHER = "together"
    IN_PARTS = "in_parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path; used as the decorator of what serves it.

    ``needs`` None: any known caller may call it, for what is their own. ``caller`` None: everybody
    may, without a proof. ``query`` and ``headers`` are structs with a field per parameter.
    ``answers`` are the contents by status; ``refuses`` is what may be said beside what every call
    of its kind may be answered with. ``repeats``: takes Idempotency-Key, and how; ``shown_once`` is
    the member of its answer that is a secret. ``located``: a success says where the thing is.
    ``with_attempt``: the attempt's token is needed beside the caller's.
    """

    needs: Permission | None
    caller: PrincipalKind | None = PrincipalKind.PERSON
    body: Content = None
    answers: Mapping[int, Content] = field(default_factory=dict)
    query: type[msgspec.Struct] | None = None
    headers: type[msgspec.Struct] | None = None
    refuses: Sequence[type[DomainError]] = ()
    repeats: Repeats | None = None
    shown_once: str | None = None
    located: bool = False
    with_attempt: bool = False

    def __call__(self, method: _F) -> _F:
        setattr(method, _ATTRIBUTE, self)
        return method


# One that says nothing serves nobody.
operation: Final = Operation


def methods(view: object) -> list[str]:
    """Return the methods that a view declares, in alphabetical order."""
    return [word for word in _METHODS if operation_of(view, word) is not None]


def operation_of(view: object, method: str) -> Operation | None:
    """Return what a view says of a method (``GET``), ``None`` when it has no such method."""
    return declared(getattr(view, method.lower(), None))


def declared(handler: object) -> Operation | None:
    """Return what a handler says of itself, ``None`` when it says nothing."""
    found = getattr(handler, _ATTRIBUTE, None)
    return found if isinstance(found, Operation) else None


def field_names(said: Operation) -> tuple[str, ...]:
    """Return the names of the fields of what a call answers, of each item when it is a list."""
    content = said.answers[HTTPStatus.OK]
    kind = content.types[JSON] if isinstance(content, Media) else content
    if get_origin(kind) in {Page, Items}:
        (kind,) = get_args(kind)
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    if "items" in fields:
        # A list that says more than its items.
        (kind,) = get_args(fields["items"])
        return tuple(field.encode_name for field in msgspec.structs.fields(kind))
    return tuple(fields)
