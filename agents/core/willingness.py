"""Does an agent's "not now" still hold?"""

from datetime import datetime

from agents.wire.settings import NotNow


def present(asked: NotNow | None, *, now: datetime) -> NotNow | None:
    """Return an agent's "not now" while it holds; one whose time is over is none.

    A time without an offset is UTC.
    """
    if asked is None or asked.until is None:
        return asked
    until = asked.until if asked.until.tzinfo else asked.until.replace(tzinfo=now.tzinfo)
    return NotNow(reason=asked.reason, until=until) if until > now else None
