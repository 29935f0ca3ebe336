"""What happens to every task that a list shows, however many pages it has?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from executors import conf, selectors
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.models import Task
from executors.services import cancellation, rerunning
from executors.services.submission import Submission
from k8s4r.access.pages import principal_of, within
from k8s4r.access.principals import refusal
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import actor_of, chip, now_of

# Of one transaction: locks are short, and what follows may come in between.
_PORTION: Final = 200
_SALT: Final = "tasks_all"
_SHOWN_FOR: Final = timedelta(hours=1)


@dataclass(slots=True)
class Result:
    """How many were changed, and of each refused one why, by what people call it."""

    done: int = 0
    refused: dict[str, DomainError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done to many tasks: the words, the states, and how.

    Where ``is_end``, how many they are is typed before it happens to all that match.
    """

    word: str
    done: str
    explains: str
    states: frozenset[TaskState]
    run: Callable[[HttpRequest, QuerySet[Task]], Result]
    is_end: bool = False

    def on(self, rows: QuerySet[Task]) -> QuerySet[Task]:
        """Return those rows to which it can be done at all."""
        return rows.filter(state__in=sorted(self.states))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person was shown before they typed: how many tasks, submitted until when."""

    total: int
    until: datetime

    def signed(self, asked: str) -> str:
        """Return this for a hidden field, good only for what the address ``asked``."""
        return signing.dumps([self.total, self.until.isoformat(), asked], salt=_SALT)

    def on(self, rows: QuerySet[Task]) -> QuerySet[Task]:
        """Return those rows that were there when it was shown: no later one is ended unseen."""
        return rows.filter(submitted_at__lte=self.until)


def seen(text: str, asked: str) -> Seen | None:
    """Return what was shown, ``None`` for what is too old, of another list, or not ours."""
    try:
        total, until, of = signing.loads(text, salt=_SALT, max_age=_SHOWN_FOR)
    except signing.BadSignature:
        return None
    return Seen(total, datetime.fromisoformat(until)) if of == asked else None


def counts(rows: QuerySet[Task]) -> list[dict[str, Any]]:
    """Return how many of these tasks are in each state."""
    by_state: Mapping[str, int] = dict(
        rows.order_by().values_list("state").annotate(Count("pk")).values_list("state", "pk__count")
    )
    return [
        {"chip": chip(state), "number": by_state[state]} for state in TaskState if state in by_state
    ]


def cancel(request: HttpRequest, rows: QuerySet[Task]) -> Result:
    """Cancel tasks, portion by portion: a refusal undoes nothing else."""
    result, rows = _theirs(request, rows)
    for portion in _portions(rows.order_by("pk").values_list("pk", flat=True)):
        outcomes = cancellation.cancel(portion, actor=actor_of(request), now=now_of(request))
        for task_id, outcome in outcomes.items():
            if outcome.refusal:
                result.refused[f"task {task_id}"] = outcome.refusal
            else:
                result.done += 1
    return result


def retry(request: HttpRequest, rows: QuerySet[Task]) -> Result:
    """Submit again what ended without success, each as a new task."""
    result, rows = _theirs(request, rows)
    for portion in _portions(rows.order_by("pk").values_list("pk", flat=True)):
        records = selectors.records(Task.objects.filter(pk__in=portion))
        outcomes = rerunning.rerun_failed(records, terms(request))
        for record in records:
            outcome = outcomes[record.id]
            if isinstance(outcome, DomainError):
                result.refused[record.name or f"task {record.id}"] = outcome
            else:
                result.done += 1
    return result


def terms(request: HttpRequest, *parents: UUID) -> Submission:
    """Return who submits tasks once more, and when."""
    return Submission(
        principal=principal_of(request),
        now=now_of(request),
        aging_weight_s=conf.aging_weight_s(),
        parents=parents,
    )


ACTIONS: Final[Mapping[str, Action]] = {
    "cancel": Action(
        "Cancel", "Cancelled",
        "What waits ends at once; what runs is told to stop and ends when its agent has done so.",
        frozenset(TaskState) - TASK_TERMINAL, cancel, is_end=True,
    ),
    "retry": Action(
        "Retry", "Submitted again",
        "Each is submitted once more as a new task, with this one as its parent.",
        TASK_TERMINAL - {TaskState.COMPLETED}, retry,
    ),
}  # fmt: skip


def _theirs(request: HttpRequest, rows: QuerySet[Task]) -> tuple[Result, QuerySet[Task]]:
    """Return the rows on which this person may act, and a result that names the others."""
    allowed = within(request, Permission.TASKS_WRITE, rows)
    others = rows.exclude(pk__in=allowed.values("pk")).values_list("pk", flat=True)
    refused: dict[str, DomainError] = {
        f"task {task_id}": refusal(Permission.TASKS_WRITE) for task_id in others
    }
    return Result(refused=refused), allowed


def _portions(task_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    whole = list(task_ids)
    for start in range(0, len(whole), _PORTION):
        yield whole[start : start + _PORTION]
