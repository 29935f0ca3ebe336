"""Is a pool in one of its maintenance windows now, and when does it open again?

A window closes a pool from one time of day to another, by the clocks of one timezone. It belongs
to the day on which it begins: Monday's window from 22:00 to 04:00 ends on Tuesday. One whose two
times are equal lasts until the same time of the next day.

Where clocks are set forward, a time that they jump over is the moment of the jump. Where they are
set back, a time that comes twice begins a window when it comes first and ends one when it comes
last: a window never opens in its middle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Windows repeat every week: what is closed for longer than this never opens.
HORIZON: Final = timedelta(days=15)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a pool starts no new work; without days on every day. ``timezone`` is an IANA name."""

    begins: time
    ends: time
    days: frozenset[str] = frozenset()
    timezone: str = "UTC"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Closure:
    """A pool is closed since then; ``opens_at`` None: its windows leave no time open."""

    since: datetime
    opens_at: datetime | None
    note: str


def closure(
    windows: Sequence[Window], *, now: datetime, open_until: datetime | None = None
) -> Closure | None:
    """Return why the pool is closed now, ``None`` when it is open.

    ``open_until`` overrides the windows until then, once. Of several windows that are on, the one
    that ends last is shown; the opening time looks through those that follow without a gap.
    """
    if open_until is not None and now < open_until:
        return None
    on = list(_on(windows, now))
    if not on:
        return None
    _, since, window = max(on, key=lambda one: (one[0], one[1]))
    return Closure(since, _opening(windows, now), window.note)


def leave_time_open(windows: Sequence[Window], *, now: datetime) -> bool:
    """Is there any moment of the coming days at which the pool is open?"""
    return not windows or _opening(windows, now) is not None


def _opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    moment = now
    while moment - now < HORIZON:
        ends = [end for end, _, _ in _on(windows, moment)]
        if not ends:
            return moment
        moment = max(ends)
    return None


def _on(windows: Sequence[Window], now: datetime) -> Iterator[tuple[datetime, datetime, Window]]:
    """Yield end, begin and window of every occurrence that ``now`` lies in."""
    for window in windows:
        zone = ZoneInfo(window.timezone)
        today = now.astimezone(zone).date()
        for day in (today - _DAY, today):
            if window.days and DAYS[day.weekday()] not in window.days:
                continue
            begin, end = _occurrence(window, day, zone)
            if begin <= now < end:
                yield end, begin, window


def _occurrence(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    last_day = day if window.begins < window.ends else day + _DAY
    begin = _moments(datetime.combine(day, window.begins), zone)[0]
    end = _moments(datetime.combine(last_day, window.ends), zone)[1]
    return begin, end


def _moments(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which the clocks show this time, or jump over it."""
    by_fold = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    first, last = min(by_fold), max(by_fold)
    if first == last or _shown(first, zone) == wall:
        return first, last
    jump = _jump(first, last, zone)
    return jump, jump


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the second at which the clocks are set; it lies after ``before``, up to ``after``."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
