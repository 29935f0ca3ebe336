"""Which moment does a person mean: two hours ago, yesterday, a date, a time?"""

from datetime import UTC, datetime, timedelta
from typing import Final

from k8s4r.cli import values
from k8s4r.cli.errors import Usage

# Days begin where the person is; everything else is told by the server's clock.
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}


def since(text: str, now: datetime | None, *, flag: str = "--since") -> str:
    """Return the moment as the API takes it: ``2h``, ``yesterday``, ``2026-11-26``, ``...T03:00``.

    Raises:
        Usage: nothing of that kind.
    """
    word = text.strip().lower()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _before(word, now or datetime.max.replace(tzinfo=UTC), flag=flag)
    # A time without an offset is meant where the person is.
    return found.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_come(text: str, now: datetime, *, flag: str = "--until") -> str:
    """Return a moment ahead as the API takes it: ``2h`` from now, or a written one.

    Raises:
        Usage: nothing of that kind.
    """
    word = text.strip().lower()
    try:
        return since((now + timedelta(seconds=values.duration_s(word, flag=flag))).isoformat(), now)
    except Usage:
        return since(text, now, flag=flag)


def local(text: str) -> str:
    """Return a time of the API as the person's clock shows it."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def _before(word: str, now: datetime, *, flag: str) -> datetime:
    if word in _DAYS_AGO:
        today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return today - timedelta(days=_DAYS_AGO[word])
    try:
        return now - timedelta(seconds=values.duration_s(word, flag=flag))
    except (Usage, OverflowError) as error:
        raise Usage(
            f"{flag} {word!r} is no moment; write 2h, 3d, today, yesterday, 2026-11-26"
            " or 2026-11-26T03:00"
        ) from error
