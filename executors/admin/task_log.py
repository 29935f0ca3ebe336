"""What are the last 64 KiB that an attempt wrote?"""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models.functions import Length
from django.http import Http404

from executors.core.lifecycle import TASK_TERMINAL
from executors.models import Attempt, LogChunk, Task

SHOWN_BYTES: Final = 64 * 1024
# Chunks may be tiny: more of them than this are cut, whatever they weigh.
_SHOWN_CHUNKS: Final = 2_000
# Terminal control sequences (ECMA-48, 5.4 and 5.6) and carriage returns mean nothing on a page.
_CONTROL: Final = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])|\r(?=\n)"
)


@dataclass(frozen=True, slots=True)
class LogTail:
    """The end of one attempt's output; ``attempt`` 0: none has begun."""

    attempt: int
    text: str
    is_cut: bool


def tail(task_id: UUID, attempt: str) -> LogTail:
    """Return the end of the log of the named attempt, else of the latest."""
    rows = Attempt.objects.filter(task_id=task_id).order_by("-number")
    if attempt.isdecimal() and len(attempt) < 10:
        rows = rows.filter(number=int(attempt))
    chosen = rows.only("pk", "number").first()
    if chosen is None:
        return LogTail(0, "", is_cut=False)
    chunks = LogChunk.objects.filter(attempt_id=chosen.pk)
    sizes = chunks.order_by("-seq").values_list("seq", Length("data"))[:_SHOWN_CHUNKS]
    total, first = 0, None
    for seq, size in sizes:
        total, first = total + size, seq
        if total >= SHOWN_BYTES:
            break
    pieces = chunks.filter(seq__gte=first or 0).order_by("seq").values_list("data", flat=True)
    data = b"".join(bytes(piece) for piece in pieces)
    is_cut = bool(first and first > 1 and chunks.filter(seq__lt=first).exists())
    return LogTail(chosen.number, _readable(data[-SHOWN_BYTES:]), is_cut or len(data) > SHOWN_BYTES)


def as_object(task_id: UUID, attempt: str) -> dict[str, Any]:
    """Return the end of the log and how the task stands, for a page that refreshes itself."""
    task = Task.objects.only("state", "changed_at").filter(pk=task_id).first()
    if task is None:
        raise Http404
    return {
        **asdict(tail(task_id, attempt)),
        "state": task.state,
        "changed_at": task.changed_at.isoformat(),
        "is_final": task.state in TASK_TERMINAL,
    }


def _readable(data: bytes) -> str:
    return _CONTROL.sub("", data.decode("utf-8", "replace"))
