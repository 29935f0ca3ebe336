"""May a pool start work now, and if not, what holds it, since when and until when?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from pools.core.windows import Window, closure


class BarrierRule(StrEnum):
    """What keeps a whole pool from starting work; stable API."""

    PAUSED = "paused"
    WINDOW = "maintenance_window"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolGate:
    """What people set about a pool's work: a pause, windows, and one time to ignore these."""

    paused: bool = False
    paused_since: datetime | None = None
    paused_until: datetime | None = None
    paused_reason: str = ""
    paused_by: str = ""
    windows: tuple[Window, ...] = ()
    open_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """What holds a pool. ``until`` None: until somebody ends it."""

    rule: BarrierRule
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""
    by: str = ""


def barriers(gate: PoolGate, *, now: datetime) -> tuple[Barrier, ...]:
    """Return what holds the pool now, a pause before a window; nothing: it may start work.

    A pause ends by itself only when it was given a time.
    """
    found = (_pause(gate, now), _window(gate, now))
    return tuple(one for one in found if one is not None)


def _pause(gate: PoolGate, now: datetime) -> Barrier | None:
    if not gate.paused or (gate.paused_until is not None and gate.paused_until <= now):
        return None
    return Barrier(
        rule=BarrierRule.PAUSED,
        since=gate.paused_since,
        until=gate.paused_until,
        note=gate.paused_reason,
        by=gate.paused_by,
    )


def _window(gate: PoolGate, now: datetime) -> Barrier | None:
    closed = closure(gate.windows, now=now, open_until=gate.open_until)
    if closed is None:
        return None
    return Barrier(
        rule=BarrierRule.WINDOW, since=closed.since, until=closed.opens_at, note=closed.note
    )


def window(stored: Mapping[str, Any]) -> Window:
    """Return a window as it is kept with its pool."""
    return Window(
        begins=time.fromisoformat(stored["from"]),
        ends=time.fromisoformat(stored["to"]),
        days=frozenset(stored["days"]),
        timezone=stored["timezone"],
        note=stored["note"],
    )


def windows(stored: Sequence[Mapping[str, Any]]) -> tuple[Window, ...]:
    """Return the windows as they are kept with their pool, in its order."""
    return tuple(window(one) for one in stored)
