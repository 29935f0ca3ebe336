"""What do the values of flags mean: pairs, durations, files?"""

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from k8s4r.cli.client import Client
from k8s4r.cli.errors import Usage

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}
_DURATION: Final = re.compile(r"(\d+[smhd])+")
_PART: Final = re.compile(r"(\d+)([smhd])")


def pairs(
    items: Iterable[str], *, flag: str, lacking: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return ``K=v`` items as a map; a bare ``K`` takes its value from ``lacking``.

    Raises:
        Usage: an item is no pair.
    """
    found: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not (equals or (lacking is not None and key in lacking)):
            raise Usage(f"{flag} {item!r} must look like KEY=value")
        found[key] = value if equals or lacking is None else lacking[key]
    return found


def duration_s(text: str, *, flag: str) -> int:
    """Return seconds: ``90``, ``90s``, ``5m``, ``1h30m``.

    Raises:
        Usage: it is no duration, or nothing.
    """
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    if _DURATION.fullmatch(text):
        seconds = sum(int(count) * _UNITS_S[unit] for count, unit in _PART.findall(text))
        if seconds:
            return seconds
    raise Usage(f"{flag} {text!r} is no duration; write 90, 90s, 5m or 1h30m")


def moment(text: str, client: Client, *, flag: str) -> str:
    """Return a time for the API: ``2h`` (ago), ``yesterday``, ``today``, or a written one.

    Ago is before the server's time: the clock of this machine may be wrong.

    Raises:
        Usage: it is no time.
    """
    word = text.strip().lower()
    if word in _DAYS_AGO:
        day = client.now() - timedelta(days=_DAYS_AGO[word])
        return day.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    if word and word[0].isdigit() and word[-1] in _UNITS_S:
        return (client.now() - timedelta(seconds=duration_s(word, flag=flag))).isoformat()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(
            f"{flag} {text!r} is no time; write 2h, yesterday, or 2026-01-31T12:00:00Z"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def moment_to_come(text: str, client: Client, *, flag: str) -> str:
    """Return a time for the API: ``2h`` from now, or a written one.

    Raises:
        Usage: it is no time.
    """
    word = text.strip().lower()
    if word and word[0].isdigit() and word[-1] in _UNITS_S:
        return (client.now() + timedelta(seconds=duration_s(word, flag=flag))).isoformat()
    return moment(text, client, flag=flag)


def body(text: str) -> str:
    """Return what a flag's value stands for: itself, ``@file``, or ``-`` for stdin.

    Raises:
        Usage: the file cannot be read.
    """
    if text == "-":
        return sys.stdin.read()
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"cannot read {text[1:]}: {error}") from error
