"""Which moment does a person mean in the address of a page? The words that the CLI takes, too.

Days begin at midnight UTC here, as every absolute time on these pages is UTC; a time without an
offset is UTC as well.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}
RULE: Final = "write 2h, 3d, today, yesterday, 2026-11-26 or 2026-11-26T03:00"


def moment(text: str, *, now: datetime) -> datetime:
    """Return the moment that is meant: so long ago, the beginning of a day, or a written time.

    Raises:
        ValueError: it is none; says what would be one.
    """
    word = text.strip()
    try:
        return _ago(word.lower(), now) or _written(word)
    except (ValueError, OverflowError):
        raise ValueError(f"{word[:40]!r} is no moment; {RULE}") from None


def _ago(word: str, now: datetime) -> datetime | None:
    if word in _DAYS_AGO:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=_DAYS_AGO[word])
    found = _AGO.fullmatch(word)
    return now - timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _written(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
