"""Does somebody at this machine want no work for now? A file says so while it is there.

    until: 2026-01-31T18:00:00+01:00
    the GPU is taken for a demo

The text is the reason; a line ``until:`` with a time is optional. When that time is over the file
counts as gone.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agents.wire.settings import NotNow

logger = logging.getLogger(__name__)

MOST_CHARACTERS: Final = 4096
NO_TEXT: Final = "somebody at the machine asks for no work"
_UNTIL: Final = "until:"


def look(path: Path, *, wall_s: float) -> NotNow | None:
    """Return what the file says, ``None`` when it is not there or its time is over.

    A file that cannot be read still means "not now": that somebody put it there is clear.
    """
    try:
        text = path.read_text("utf-8", errors="replace")[:MOST_CHARACTERS]
    except FileNotFoundError:
        return None
    except OSError as error:
        return NotNow(reason=f"{path}: {error.strerror}")
    asked = read(text)
    over = asked.until is not None and asked.until.timestamp() <= wall_s
    return None if over else asked


def read(text: str) -> NotNow:
    """Return the reason and the time that a text says.

    A time without an offset is by the clock of this machine; one that cannot be read stays part of
    the reason, where people see it.
    """
    until, reason = None, []
    for line in text.replace("\x00", "").splitlines():
        moment = _moment(line)
        if moment is None:
            reason.append(line.strip())
        else:
            until = moment
    return NotNow(reason=" ".join(filter(None, reason)) or NO_TEXT, until=until)


def _moment(line: str) -> datetime | None:
    if not line.lower().startswith(_UNTIL):
        return None
    try:
        return datetime.fromisoformat(line[len(_UNTIL) :].strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
