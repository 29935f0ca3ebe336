"""What people do to many tasks at once over REST: cancel by what they share, run again what failed.

A call works in batches, each a transaction of its own, and never stops at a page: when it has done
its share, ``next`` is where the next call goes on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from executors import filters, selectors
from executors.api import creates, mass_answers
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.filters import Selector
from executors.models import Task
from executors.selectors import TaskRecord
from executors.services import cancellation, rerunning
from executors.services.cancellation import CancelOutcome
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import DomainError, FieldProblem, Invalid
from k8s4r.core.roles import Permission

BATCH: Final = 500
MOST_BATCHES: Final = 10
_WITHOUT_SUCCESS: Final = TASK_TERMINAL - {TaskState.COMPLETED}
_FAILED: Final = (TaskState.FAILED, TaskState.TIMED_OUT)


class Mass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks; a dry run only counts them. ``after`` is the ``next`` of an earlier answer."""

    selector: Selector
    dry_run: bool = False
    after: UUID | None = None


class CancelManyView(View):
    """``POST tasks/cancel {selector, dry_run, after}``: at most 5,000 a call, one result each."""

    @operation(
        needs=Permission.TASKS_WRITE,
        body=Mass,
        answers={200: mass_answers.Selected, 202: mass_answers.CancelledMany},
        repeats=Repeats.IN_PARTS,
    )
    def post(self, request: Request) -> Response:
        """Cancel the selected tasks that have not ended, the oldest first."""
        asked = conversion.convert(request.data, Mass)
        principal = principal_of(request)
        wanted = filters.selected(asked.selector)
        rows = selectors.tasks(wanted, principal, Permission.TASKS_WRITE)
        queue = _Queue(rows.exclude(state__in=sorted(TASK_TERMINAL)), asked.after)
        if asked.dry_run:
            return Response(_counted(queue))
        items = [item for batch in queue.batches() for item in _cancelled(batch, principal)]
        answer = {
            "items": items,
            "counts": dict(Counter(_word(item) for item in items)),
            "dry_run": False,
            **queue.rest(),
        }
        return Response(answer, status=202)


class RerunManyView(View):
    """``POST tasks/rerun {selector, dry_run, after}``: at most 500 a call, one result each."""

    @operation(
        needs=Permission.TASKS_WRITE,
        body=Mass,
        answers={200: mass_answers.Selected, 201: mass_answers.RerunMany},
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request) -> Response:
        """Submit again the selected tasks that failed and were not run again yet."""
        asked = conversion.convert(request.data, Mass)
        wanted, principal = _failed(asked.selector), principal_of(request)
        rows = selectors.tasks(wanted, principal, Permission.TASKS_WRITE)
        queue = _Queue(selectors.not_run_again(rows), asked.after, most_batches=1)
        if asked.dry_run:
            return Response(_counted(queue))
        terms = creates.submitted_by(request)
        records = [each for batch in queue.batches() for each in _oldest_first(batch)]
        outcomes = rerunning.rerun_failed(records, terms)
        items = [_rerun(record.id, outcomes[record.id]) for record in records]
        counts = Counter("refused" if item["problem"] else "submitted" for item in items)
        answer = {"items": items, "counts": dict(counts), "dry_run": False, **queue.rest()}
        return Response(answer, status=201)


@dataclass(slots=True)
class _Queue:
    """Tasks in the order of their ids, taken in batches up to this call's share."""

    rows: QuerySet[Task]
    after: UUID | None
    most_batches: int = MOST_BATCHES
    _more: bool = False

    def batches(self) -> Any:
        """Yield ids, a batch at a time; each is looked up when the one before is done."""
        for number in range(self.most_batches + 1):
            ids = self.peek()
            self._more = number == self.most_batches and bool(ids)
            if not ids or self._more:
                return
            yield ids
            self.after = ids[-1]

    def peek(self) -> list[UUID]:
        """Return the ids of the next batch."""
        rest = self.rows if self.after is None else self.rows.filter(pk__gt=self.after)
        return list(rest.order_by("id").values_list("pk", flat=True)[:BATCH])

    def rest(self) -> Mapping[str, Any]:
        """Return whether there is more, and where the next call goes on."""
        return {"more": self._more, "next": self.after if self._more else None}


def _counted(queue: _Queue) -> Mapping[str, Any]:
    """Return what a call would be about: all of it counted, the first of it by id."""
    counts = selectors.counts(queue.rows)
    first = queue.peek()
    return {
        "items": [{"id": task_id, "state": None, "problem": None} for task_id in first],
        "counts": msgspec.structs.asdict(counts),
        "dry_run": True,
        "more": counts.total > len(first),
        "next": None,
    }


def _cancelled(task_ids: Sequence[UUID], principal: Principal) -> list[dict[str, Any]]:
    outcomes = cancellation.cancel(task_ids, actor=principal.actor, now=clock.now())
    return [_result(task_id, outcomes[task_id]) for task_id in task_ids]


def _result(task_id: UUID, outcome: CancelOutcome) -> dict[str, Any]:
    return {
        "id": task_id,
        "state": outcome.state,
        "stopping": outcome.stopping,
        "problem": _problem(outcome.refusal),
    }


def _word(item: Mapping[str, Any]) -> str:
    if item["problem"]:
        return "refused"
    return "stopping" if item["stopping"] else "cancelled"


def _failed(selector: Selector) -> Any:
    """Return the filter of a mass rerun; without states those that failed or ran out of time.

    Raises:
        Invalid: a state is none that can be run again here.
    """
    bad = [
        FieldProblem(f"/selector/state/{index}", "enum", f"{state} is not an end without success")
        for index, state in enumerate(selector.state)
        if state not in _WITHOUT_SUCCESS
    ]
    if bad:
        raise Invalid(f"{bad[0].pointer}: {bad[0].detail}", errors=bad)
    wanted = filters.selected(selector)
    return msgspec.structs.replace(wanted, states=wanted.states or frozenset(_FAILED))


def _oldest_first(task_ids: Sequence[UUID]) -> list[TaskRecord]:
    return selectors.records(Task.objects.filter(pk__in=task_ids).order_by("id"))


def _rerun(task_id: UUID, outcome: TaskRecord | DomainError) -> dict[str, Any]:
    refusal = outcome if isinstance(outcome, DomainError) else None
    return {
        "id": task_id,
        "new_id": None if isinstance(outcome, DomainError) else outcome.id,
        "problem": _problem(refusal),
    }


def _problem(refusal: DomainError | None) -> dict[str, Any] | None:
    return {"code": refusal.code, "detail": refusal.message} if refusal else None
