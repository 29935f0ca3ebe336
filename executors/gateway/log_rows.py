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
from executors.models import Attempt, LogChunk, Task
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.api import authentication, browsing
from k8s4r.audit import readings
from k8s4r.audit.readings import Reading, Readings
from k8s4r.core.errors import (
    DomainError,
    FieldProblem,
    Invalid,
    NotFound,
    SecondFactorNeeded,
    Unauthenticated,
)
from k8s4r.core.roles import Permission

# At most 8 MiB of output in one page.
PAGE_CHUNKS: Final = 128
PLACE: Final = r"(([0-9]{1,9})\.)?([0-9]{1,18})"
_PLACE: Final = re.compile(PLACE)
_UNKNOWN: Final = "this token or session is not valid"
_READINGS: Final = Readings()


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
    """Who wants to read which task's log; ``attempt``: of this one only.

    Who is known by a token, or by the ``session`` of a browser; ``address`` and ``request_id``
    are of the request.
    """

    token: str
    task_id: UUID
    session: str = ""
    address: str = ""
    request_id: str = ""
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
    """Answer each question; who may not see a task is told that there is none.

    That somebody reads the log of another's task is on record before they do.
    """
    principals = _principals(questions)
    tasks = Task.objects.in_bulk([one.task_id for one in questions])
    admitted = [
        _admitted(question, principal, tasks.get(question.task_id))
        for question, principal in zip(questions, principals, strict=True)
    ]
    _put_on_record([one for one in admitted if isinstance(one, _Admitted)])
    return [
        _page(one.question, one.task) if isinstance(one, _Admitted) else one for one in admitted
    ]


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A question of somebody who may ask it."""

    question: Question
    principal: Principal
    task: Task


def _admitted(
    question: Question, principal: Principal | DomainError | None, task: Task | None
) -> _Admitted | DomainError:
    if isinstance(principal, DomainError):
        return principal
    if principal is None:
        return Unauthenticated(_UNKNOWN)
    if task is None or not _may_read(principal, task):
        return NotFound(f"no task {question.task_id}")
    return _Admitted(question, principal, task)


def _put_on_record(admitted: Sequence[_Admitted]) -> None:
    """What one's own program says is no secret from oneself: that is not told."""
    fresh = _READINGS.fresh(
        _reading(one) for one in admitted if one.task.owner_id != one.principal.id
    )
    if fresh:
        _READINGS.record(fresh, now=clock.now())


def _reading(one: _Admitted) -> Reading:
    return Reading(
        kind=readings.LOG,
        object_id=one.task.pk,
        project_id=one.task.project_id,
        user_id=one.principal.id,
        # A session's principal carries its user where others have their token.
        token_id=None if one.question.session else one.principal.token_id,
        address=one.question.address,
        request_id=one.question.request_id,
    )


def _principals(questions: Sequence[Question]) -> list[Principal | DomainError | None]:
    with_token = {one.token for one in questions if not one.session}
    known = dict(
        zip(
            with_token,
            authentication.authenticate_many(list(with_token), now=clock.now()),
            strict=True,
        )
    )
    return [_by_session(one.session) if one.session else known[one.token] for one in questions]


def _by_session(key: str) -> Principal | DomainError | None:
    try:
        return browsing.principal(key)
    except SecondFactorNeeded as refused:
        return refused


def _may_read(principal: Principal, task: Task) -> bool:
    return principal.may(Permission.TASKS_READ, task.project_id)


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
