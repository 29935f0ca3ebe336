"""What does the work of an attempt tell of itself: its progress, and annotations?

Only while it is the current attempt, and only by the task's own token. The same again is a success
that changes nothing but that the attempt was heard.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.wire import tellings
from agents.wire.proofs import task_token
from agents.wire.tellings import Heard, ToldAnnotation, ToldProgress
from executors.core.fences import Fence
from executors.models import Annotation, Attempt, Task
from executors.services import rows
from executors.services.rows import LockedAttempt
from k8s4r.core import ids
from k8s4r.core.errors import Conflict, FieldProblem, Invalid, Superseded, Unauthenticated


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells something: an attempt, by the token that its work was given."""

    attempt_id: UUID
    token: str


@transaction.atomic
def progress(teller: Teller, told: ToldProgress, *, now: datetime) -> Heard:
    """Note how far the work is; it counts as a sign of life.

    Locks: the attempt's task; then the attempt.

    Raises:
        Unauthenticated: there is no such attempt, or the token is not that of its task.
        Superseded: the attempt is no longer the current one.
    """
    attempt = _admitted(teller)
    said = {
        "progress": told.fraction,
        "progress_text": told.text,
        "progress_attempt": attempt.number,
    }
    task = Task.objects.filter(pk=attempt.task_id)
    is_new = bool(task.exclude(**said).update(**said, progress_at=now))
    _heard(attempt, now=now)
    return Heard(attempt=attempt.id, is_new=is_new)


@transaction.atomic
def annotate(teller: Teller, context: str, told: ToldAnnotation, *, now: datetime) -> Heard:
    """Pin a text to the task's page, in place of what had the same context.

    Locks: the attempt's task; then the attempt.

    Raises:
        Unauthenticated: there is no such attempt, or the token is not that of its task.
        Superseded: the attempt is no longer the current one.
        Invalid: the text is too long.
        Conflict: the attempt has as many annotations as it may have.
    """
    _check_length(told.text)
    attempt = _admitted(teller)
    own = Annotation.objects.filter(attempt_id=attempt.id)
    said = {"style": told.style, "text": told.text}
    row = own.filter(context=context).first()
    if row is None:
        if own.count() >= tellings.NOTES:
            raise Conflict(f"attempt {attempt.id} has {tellings.NOTES} annotations: replace one")
        Annotation.objects.create(attempt_id=attempt.id, context=context, **said, told_at=now)
        is_new = True
    else:
        is_new = (row.style, row.text) != (told.style, told.text)
        if is_new:
            own.filter(pk=row.pk).update(**said, told_at=now)
    _heard(attempt, now=now)
    return Heard(attempt=attempt.id, is_new=is_new)


def _admitted(teller: Teller) -> LockedAttempt:
    attempt = rows.lock([teller.attempt_id]).attempts.get(teller.attempt_id)
    if attempt is None or not _is_its(teller.token, attempt):
        raise Unauthenticated("this is not the token of a task that runs as this attempt")
    if not attempt.is_current:
        raise Superseded(f"attempt {attempt.id} is over: nothing can be told of it any more")
    return attempt


def _is_its(token: str, attempt: LockedAttempt) -> bool:
    fence = Fence(settings.ATTEMPT_KEY)
    return ids.same(token, task_token(fence.token(attempt.id, attempt.number)))


def _heard(attempt: LockedAttempt, *, now: datetime) -> None:
    Attempt.objects.filter(pk=attempt.id).update(last_report_at=now)


_LONG: Final = FieldProblem("/text", "max_bytes", f"at most {tellings.NOTE_BYTES} bytes of UTF-8")


def _check_length(text: str) -> None:
    if len(text.encode()) > tellings.NOTE_BYTES:
        raise Invalid(f"text: {_LONG.detail}", errors=[_LONG])
