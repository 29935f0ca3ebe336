"""What has a task written so far, from a given place on?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from executors.core import progress
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.gateway import readers
from executors.gateway.readers import Reader, Wanted
from executors.models import Attempt, LogChunk, Task
from k8s4r.audit import readings
from k8s4r.core.errors import DomainError, FieldProblem, Invalid

# At most 8 MiB of output in one page.
PAGE_CHUNKS: Final = 128
PLACE: Final = r"(([0-9]{1,9})\.)?([0-9]{1,18})"
_PLACE: Final = re.compile(PLACE)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the log of a task: after report ``seq`` of attempt ``attempt``."""

    attempt: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.attempt}.{self.seq}"


class Chunk(msgspec.Struct, frozen=True):
    """A piece of output as people get it; ``data`` is base64 in JSON."""

    attempt: int
    seq: int
    stream: str
    at: datetime
    data: bytes


class TaskNews(msgspec.Struct, frozen=True):
    """How the task stands: what a follower is told when it changes."""

    state: str
    attempt: int
    final: bool
    exit_code: int | None
    signal: int | None
    reason: str
    message: str
    progress: float | None = None
    progress_text: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to read which task's log; ``attempt``: of this one only."""

    reader: Reader
    task_id: UUID
    after: Place = Place()
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Chunks in order, and how the task stood before they were read.

    So when ``news.final`` and not ``more``, this is the end of the log.
    """

    news: TaskNews
    chunks: Sequence[Chunk]
    attempt_ids: frozenset[UUID]
    after: Place
    more: bool


def place(text: str, *, latest: int) -> Place:
    """Read ``ATTEMPT.SEQ``, or ``SEQ`` of the latest attempt.

    Raises:
        Invalid: it is neither.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        problem = FieldProblem("/after", "cursor", "expected SEQ or ATTEMPT.SEQ")
        raise Invalid("after: expected SEQ or ATTEMPT.SEQ", errors=[problem])
    attempt, seq = found[2], found[3]
    return Place(int(attempt) if attempt else latest, int(seq))


def read(questions: Sequence[Question]) -> list[Page | DomainError]:
    """Answer each question; who may not see a task is told that there is none."""
    tasks = Task.objects.in_bulk([one.task_id for one in questions])
    wanted = [
        Wanted(one.reader, tasks.get(one.task_id), f"task {one.task_id}") for one in questions
    ]
    found = readers.admitted(wanted, kind=readings.LOG)
    return [
        _page(question, task) if isinstance(task, Task) else task
        for question, task in zip(questions, found, strict=True)
    ]


def _page(question: Question, task: Task) -> Page:
    attempts = dict(
        Attempt.objects.filter(task=task).order_by("number").values_list("number", "pk")
    )
    wanted = [
        number
        for number in attempts
        if number >= question.after.attempt and question.attempt in {None, number}
    ]
    chunks: list[Chunk] = []
    for number in wanted:
        seq = question.after.seq if number == question.after.attempt else 0
        chunks += _chunks(number, attempts[number], seq, PAGE_CHUNKS + 1 - len(chunks))
        if len(chunks) > PAGE_CHUNKS:
            break
    more = len(chunks) > PAGE_CHUNKS
    chunks = chunks[:PAGE_CHUNKS]
    after = Place(chunks[-1].attempt, chunks[-1].seq) if chunks else question.after
    return Page(_news(task), chunks, frozenset(attempts.values()), after, more)


def _chunks(number: int, attempt_id: UUID, after_seq: int, limit: int) -> list[Chunk]:
    rows = LogChunk.objects.filter(attempt_id=attempt_id, seq__gt=after_seq).order_by("seq")
    values = rows.values_list("seq", "stream", "at", "data")[:limit]
    return [Chunk(number, seq, stream, at, bytes(data)) for seq, stream, at, data in values]


def _news(task: Task) -> TaskNews:
    made, state = task.attempts_made, task.state
    counts = progress.is_present(task.progress_attempt, attempts_made=made, state=state)
    return TaskNews(
        state=task.state,
        attempt=task.attempts_made,
        final=TaskState(task.state) in TASK_TERMINAL,
        exit_code=task.exit_code,
        signal=task.signal,
        reason=task.reason,
        message=task.message,
        progress=task.progress if counts else None,
        progress_text=task.progress_text if counts else "",
    )


def signs(task_ids: Sequence[UUID]) -> dict[UUID, tuple[Any, ...]]:
    """Return of each task what changes whenever its log or its state does; one query."""
    rows = Task.objects.filter(pk__in=task_ids).values_list(
        "pk", "state", "attempts_made", "log_bytes", "changed_at", "progress_at"
    )
    return {row[0]: row[1:] for row in rows}
