"""How does what has ended run again: the same, with changes, or many at once?

Nothing is dropped silently: a new task asks for all that its parent asked for, except what the
caller changed, and each change is in the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import transaction

from executors.core import changes as change_rules
from executors.core import requests
from executors.core.changes import Change
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.core.requests import TaskRequest
from executors.models import Task
from executors.selectors import TaskRecord
from executors.services import locking, submission
from executors.services.submission import Submission
from k8s4r.core.errors import (
    Conflict,
    DomainError,
    FieldProblem,
    IllegalTransition,
    Invalid,
    NotFound,
)

# What a task keeps as it was asked for.
_SAME: Final = frozenset(TaskRequest.__struct_fields__) - {
    "project", "pool", "queue_timeout_s", "retry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rerun:
    """The new task, and what it asks for that its parent did not."""

    record: TaskRecord
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be different (a merge patch, RFC 7396), and the rule it is checked by."""

    patch: Mapping[str, Any]
    min_lost_after_s: int
    at: str = "/changes"


def retry(record: TaskRecord, terms: Submission) -> TaskRecord:
    """Submit again what ended without success, as a new task.

    Raises:
        IllegalTransition: the task has not ended, or has ended well.
    """
    if record.state not in TASK_TERMINAL or record.state == TaskState.COMPLETED:
        raise IllegalTransition(f"task {record.id} is {record.state}: nothing to retry")
    return submission.submit([asked_again(record)], replace(terms, parents=(record.id,)))[0]


def rerun(record: TaskRecord, changed: Changed, terms: Submission) -> Rerun:
    """Submit again what ended, as a new task with this one as its parent.

    Raises:
        IllegalTransition: the task has not ended.
        Malformed, Invalid: a change is not what a task may ask for; the pointer leads to it.
    """
    if record.state not in TASK_TERMINAL:
        raise IllegalTransition(f"task {record.id} is {record.state}: it has not ended")
    before = asked_again(record)
    terms = replace(terms, parents=(record.id,))
    if not changed.patch:
        return Rerun(submission.submit([before], terms)[0])
    try:
        wanted = change_rules.merged(msgspec.to_builtins(before), changed.patch)
        (asked,) = requests.read(wanted, min_lost_after_s=changed.min_lost_after_s)
        made = submission.submit([asked], terms)[0]
    except DomainError as error:
        raise _below(changed.at, error) from error
    return Rerun(made, _differences((before, record), (asked, made)))


@transaction.atomic
def rerun_failed(
    records: Sequence[TaskRecord], terms: Submission
) -> dict[UUID, TaskRecord | DomainError]:
    """Submit again tasks that ended without success; of each its new task, or why there is none.

    One that was run again before is left alone: what counts is how its successor ends.

    Locks: the tasks, by pk, so that two calls at once make one new task each.
    """
    locked = locking.tasks([record.id for record in records])
    successors = dict(
        Task.objects.filter(parent_id__in=list(locked)).values_list("parent_id", "id")
    )
    outcomes: dict[UUID, TaskRecord | DomainError] = {}
    good = []
    for record in records:
        refusal = _refusal(record.id, locked.get(record.id), successors.get(record.id))
        if refusal is None:
            good.append(record)
        else:
            outcomes[record.id] = refusal
    return outcomes | _submitted(good, terms)


def _submitted(
    records: Sequence[TaskRecord], terms: Submission
) -> dict[UUID, TaskRecord | DomainError]:
    """Submit those whose pool still takes tasks; the others are refused one by one."""
    if not records:
        return {}
    asked = [asked_again(record) for record in records]
    wanted = replace(terms, parents=tuple(record.id for record in records), listed=True)
    try:
        made = submission.submit(asked, wanted)
    except Invalid as error:
        bad = {int(problem.pointer.split("/")[1]): problem for problem in error.errors}
        refused = {records[index].id: Conflict(problem.detail) for index, problem in bad.items()}
        good = [record for index, record in enumerate(records) if index not in bad]
        return {**refused, **_submitted(good, terms)}
    return {record.id: new for record, new in zip(records, made, strict=True)}


def _refusal(task_id: UUID, row: Task | None, successor: UUID | None) -> DomainError | None:
    if row is None:
        return NotFound(f"there is no task {task_id}")
    if row.state not in TASK_TERMINAL or row.state == TaskState.COMPLETED:
        return IllegalTransition(f"task {task_id} is {row.state}: nothing to run again")
    if successor is not None:
        return Conflict(f"task {task_id} was run again before, as {successor}")
    return None


def asked_again(record: TaskRecord) -> TaskRequest:
    """Return the request that a task was made from."""
    same = {name: getattr(record, name) for name in _SAME}
    deadline, again = record.queue_deadline_at, dict(record.retry)
    if deadline is not None:
        same["queue_timeout_s"] = round((deadline - record.submitted_at).total_seconds())
    if again:
        same["retry"] = {"attempts": again.pop("max_attempts"), **again}
    places = {"project": str(record.project_id), "pool": str(record.pool_id)}
    return msgspec.convert({**same, **places}, TaskRequest)


def _differences(
    before: tuple[TaskRequest, TaskRecord], after: tuple[TaskRequest, TaskRecord]
) -> list[Change]:
    """Compare two requests, their places by name: ids mean nothing to people."""
    one, other = (
        {
            **msgspec.to_builtins(request),
            "project": record.project_name,
            "pool": record.pool_name,
        }
        for request, record in (before, after)
    )
    return list(change_rules.differences(one, other))


def _below(at: str, error: DomainError) -> DomainError:
    """Return a refusal of the request as one of the part of the body that it came from."""
    problems = [FieldProblem(at + each.pointer, each.rule, each.detail) for each in error.errors]
    if not problems:
        return error
    return type(error)(f"{problems[0].pointer}: {problems[0].detail}", errors=problems)
