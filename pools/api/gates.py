"""What do people send about pauses, maintenance windows and sharing, and which of it is wrong?"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from k8s4r.access.principals import Principal
from k8s4r.api import places
from k8s4r.core.errors import FieldProblem, Invalid, pointer

Clock: TypeAlias = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Zone: TypeAlias = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$")]
Note: TypeAlias = Annotated[str, Meta(max_length=4096)]
Weight: TypeAlias = Annotated[float, Meta(gt=0, le=1e6)]
Weights: TypeAlias = Annotated[dict[str, Weight], Meta(max_length=1000)]

_NO_ZONE: Final = "no timezone of the IANA list, such as Europe/Berlin"


class WindowBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A maintenance window: no new work from one time of day to another.

    Without days on every day. It belongs to the day on which it begins.
    """

    begins: Clock = msgspec.field(name="from")
    ends: Clock = msgspec.field(name="to")
    days: Annotated[list[Day], Meta(max_length=7)] = []
    timezone: Zone = "UTC"
    note: Note = ""
    mode: Literal["no_new_work"] = "no_new_work"


Windows: TypeAlias = Annotated[list[WindowBody], Meta(max_length=32)]


def stored_windows(asked: Sequence[WindowBody]) -> list[dict[str, Any]]:
    """Return windows as their pool keeps them.

    Raises:
        Invalid: a timezone is not known; names each.
    """
    problems = [
        FieldProblem(pointer("windows", index, "timezone"), "timezone", _NO_ZONE)
        for index, window in enumerate(asked)
        if not _is_zone(window.timezone)
    ]
    if problems:
        raise Invalid("windows: " + _NO_ZONE, errors=problems)
    return [msgspec.to_builtins(window) for window in asked]


def shared(asked: Sequence[str], principal: Principal) -> list[str]:
    """Return the ids of the projects that ``shared_with`` names.

    Raises:
        Invalid: one of them is not there for the caller.
    """
    found = [_project(text, principal, ("shared_with", index)) for index, text in enumerate(asked)]
    return sorted({str(one) for one in found})


def weighed(asked: Mapping[str, float], principal: Principal) -> dict[str, float]:
    """Return weights by the ids of the projects that they name.

    Raises:
        Invalid: one of them is not there for the caller.
    """
    return {
        str(_project(text, principal, ("weights", text))): weight for text, weight in asked.items()
    }


def _project(text: str, principal: Principal, at: tuple[str | int, ...]) -> UUID:
    return places.project_named(text, principal, at=pointer(*at)).pk


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True
