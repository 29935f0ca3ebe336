"""What do answers about the history look like? `executors.api.audit` and `history` make them."""

from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from executors.api.answers import Event
from k8s4r.api.answers import Moment, Shape


class WholeEvent(Event, frozen=True):
    """An event with the token and the address of who acted: a line of the export."""

    project_id: UUID | None
    token_id: UUID | None
    address: str


class ToldEvent(WholeEvent, frozen=True):
    """An event with what its things are called, who acted, and a sentence about it."""

    object: str | None
    actor: str
    sentence: str


class Seal(Shape, frozen=True):
    """What a closed range of events came to, bound to the seals before it."""

    number: int
    first_id: int
    last_id: int
    month: str
    events: int
    hash: str
    previous: str
    sealed_at: Moment


class Broken(Shape, frozen=True):
    """The first seal that does not hold, and why; only its number when it is not there at all."""

    number: int
    why: str
    first_id: int | None
    last_id: int | None
    month: str | None
    events: int | UnsetType = UNSET
    hash: str | UnsetType = UNSET
    previous: str | UnsetType = UNSET
    sealed_at: Moment | UnsetType = UNSET


class Verified(Shape, frozen=True):
    """How much was checked, and what is broken; ``next`` is the ``after`` of the next call."""

    ok: bool
    seals: int
    events: int
    dropped: int
    head: Seal | None
    broken: Broken | None
    next: int | None


class Entry(Shape, frozen=True):
    """One thing that happened, as a sentence; ``event`` is the event in full, for what is one."""

    at: Moment
    sentence: str
    actor: str | None
    event_id: int | None
    event: Event | None
    revertible: bool
    task_id: UUID | None
    attempt_id: UUID | None
    session_id: UUID | None
    state: str | UnsetType = UNSET


class Reverted(Shape, frozen=True):
    """By column what was put back: the value until now, and the one that stands there again."""

    kind: str
    id: UUID
    event: int
    reverted: dict[str, tuple[Any, Any]]
