"""What do the values of flags mean: pairs, durations, ids, files?"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from k8s4r.cli.errors import Usage

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+[smhd])+")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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


def span_s(text: str | None, *, flag: str) -> int | None:
    """Return the seconds of a duration; nothing where none was given.

    Raises:
        Usage: it is no duration, or nothing.
    """
    return duration_s(text, flag=flag) if text else None


def is_id(text: str) -> bool:
    """Is this a full id?"""
    return _ID.fullmatch(text.lower()) is not None


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
