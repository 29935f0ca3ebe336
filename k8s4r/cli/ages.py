"""How long ago was that, and how long did it last, in a few characters?"""

from datetime import datetime
from itertools import pairwise

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))

_FINE_BELOW_S = 10


def moment(text: str | None) -> datetime | None:
    """Return an RFC 3339 time of the API; ``None`` for what is no time."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def age(text: str | None, now: datetime | None) -> str:
    """Return how long before ``now`` a time was: ``5m``, ``2d``; ``-`` when unknown."""
    then = moment(text)
    if then is None or now is None:
        return "-"
    return span((now - then).total_seconds())


def left(text: str | None, now: datetime | None) -> str:
    """Return how long until a time: ``5m``; ``over`` when it is past, ``never`` without one."""
    then = moment(text)
    if then is None or now is None:
        return "never"
    seconds = (then - now).total_seconds()
    return span(seconds) if seconds > 0 else "over"


def between(start: str | None, end: str | None, now: datetime | None) -> str:
    """Return how long something lasted, or lasts until now."""
    first, last = moment(start), moment(end) or now
    if first is None or last is None:
        return "-"
    seconds = (last - first).total_seconds()
    if 0 <= seconds < 1:
        return f"{seconds * 1_000:.0f}ms"
    return f"{seconds:.1f}s" if 0 < seconds < _FINE_BELOW_S else span(seconds)


def percent(share: float) -> str:
    """Return a share of the whole in whole percent; 100 only when it is all."""
    return f"{int(100 * share + 1e-9)} %"


def span(seconds: float) -> str:
    """Return a duration by its largest unit; two units below ten of the larger one."""
    whole = max(0, int(seconds))
    for (size, unit), (small, small_unit) in pairwise(_UNITS):
        if whole >= size:
            rest = (whole % size) // small
            return f"{whole // size}{unit}" + (
                f"{rest}{small_unit}" if whole < 10 * size and rest else ""
            )
    return f"{whole}s"
