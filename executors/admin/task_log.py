"""Which attempt's log does the page of a task show, and from where on?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models.functions import Length

from executors.models import Attempt, LogChunk, Task

# More than this is a file to download, not a page to read.
SHOWN_BYTES: Final = 4 * 1024 * 1024
# Chunks may be tiny: more of them than this are cut, whatever they weigh.
_SHOWN_CHUNKS: Final = 20_000


@dataclass(frozen=True, slots=True)
class LogView:
    """What the page follows. ``attempt`` 0: none has begun; ``after``: empty for the beginning."""

    attempt: int
    latest: int
    after: str

    @property
    def is_cut(self) -> bool:
        return bool(self.after)


def view(task: Task, attempts: Sequence[Attempt], asked: str) -> LogView:
    """Return the log of the attempt that was asked for, else of the latest."""
    if not attempts:
        return LogView(0, 0, "")
    latest = attempts[-1]
    chosen = next((one for one in attempts if str(one.number) == asked), latest)
    first = _first(chosen) if task.log_bytes > SHOWN_BYTES else 0
    after = f"{chosen.number}.{first - 1}" if first > 1 else ""
    return LogView(chosen.number, latest.number, after)


def _first(attempt: Attempt) -> int:
    """Return the number of the first chunk to show, 0 when that is the very first."""
    rows = LogChunk.objects.filter(attempt_id=attempt.pk).order_by("-seq")
    total = 0
    for seq, size in rows.values_list("seq", Length("data"))[:_SHOWN_CHUNKS]:
        total += size
        if total >= SHOWN_BYTES:
            return int(seq)
    return 0
