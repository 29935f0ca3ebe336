"""What stands on the page of one task?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.safestring import SafeString

from agents.wire.orders import PLAN_AND_APPLY
from executors import selectors
from executors.admin import actors, task_decision, task_log, task_told, task_waiting
from executors.admin.task_request import as_command, as_request, called, command, commands
from executors.core import specs
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.models import Artifact, Attempt, Task
from k8s4r.audit.models import AuditEvent
from k8s4r.pages import ago, chip, span

_MOST_EVENTS: Final = 200
_MOST_CHILDREN: Final = 20
_NOT_STARTED: Final = "Not started: no agent has been given this task yet."
_NEVER_ENDED: Final = "It ended before any agent was given it: there is no log."
# Reasons that only repeat what a number says.
_SAID_ALREADY: Final = frozenset({"", "exit_code", "signal"})
_CANCELLABLE: Final = frozenset(
    {TaskState.PENDING, TaskState.DISPATCHING, TaskState.RUNNING, TaskState.APPLY_PENDING}
)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history."""

    at: SafeString | str
    after: str
    what: str
    state: SafeString
    who: str
    cause: str
    request_id: str


def facts(task: Task, *, attempt: str, now: datetime) -> dict[str, Any]:
    """Return what the page's template shows; a constant number of queries."""
    attempts = list(selectors.attempts_of(task.pk).select_related("slot"))
    (record,) = selectors.records(Task.objects.filter(pk=task.pk))
    log = task_log.view(task, attempts, attempt)
    return {
        "task": task,
        "task_id": str(task.pk),
        "title": title(task),
        "original": title(task),
        "chip": chip(task.state),
        "is_final": task.state in TASK_TERMINAL,
        "is_unknown": task.state == TaskState.UNKNOWN,
        "can_cancel": task.state in _CANCELLABLE,
        "summary": _summary(task, now),
        "can_retry": task.state in TASK_TERMINAL and task.state != TaskState.COMPLETED,
        "age": ago(task.submitted_at, now),
        "phases": _phases(task, now),
        "waiting": task_waiting.box(task, now),
        "decision": task_decision.box(task, attempts, now),
        "attempts": [_attempt_row(one, now) for one in attempts],
        "steps": _steps(task, attempts, now),
        "details": _details(task),
        "env": _env(task),
        "children": _children(task),
        "artifacts": _artifacts(attempts),
        "progress": task_told.progress(task, now),
        "annotations": task_told.annotations(task, chosen=log.attempt, now=now),
        "log": log,
        "never": _NEVER_ENDED if task.state in TASK_TERMINAL else _NOT_STARTED,
        "spec": json.dumps(task.spec, indent=2, ensure_ascii=False),
        "as_json": json.dumps(as_request(record), indent=2, ensure_ascii=False),
        "as_command": as_command(record),
    }


def title(task: Task) -> str:
    """Return the name, or the command that a task without one runs."""
    return task.name or f"$ {command(task) or task.driver}"


def _summary(task: Task, now: datetime) -> str:
    """Return the state of affairs in one sentence."""
    if task.state == TaskState.PENDING:
        return f"waits for {span((now - task.submitted_at).total_seconds())}"
    if task.state == TaskState.APPLY_PENDING:
        return f"planned, waits for a decision for {span((now - task.changed_at).total_seconds())}"
    if task.started_at is None:
        return task.message or task.reason.replace("_", " ")
    ran = span(((task.ended_at or now) - task.started_at).total_seconds())
    words = [f"ran {ran}" if task.ended_at else f"runs for {ran}"]
    if task.agent:
        words.append(f"on {task.agent.name}")
    return " ".join(words) + _outcome(task)


def _outcome(row: Task | Attempt) -> str:
    """Return how it ended, beyond the state's word."""
    facts = []
    if row.signal is not None:
        facts.append(f"signal {row.signal}")
    elif row.exit_code is not None:
        facts.append(f"exit code {row.exit_code}")
    if row.reason not in _SAID_ALREADY | {row.state}:
        facts.append(row.reason.replace("_", " "))
    facts += [row.message] if row.message else []
    return ", " + ", ".join(facts) if facts else ""


def _attempt_row(attempt: Attempt, now: datetime) -> dict[str, Any]:
    ran = (
        span(((attempt.ended_at or now) - attempt.started_at).total_seconds())
        if attempt.started_at
        else "-"
    )
    return {
        "row": attempt,
        "chip": chip(attempt.state, note=attempt.stop_reason),
        "assigned": ago(attempt.assigned_at, now),
        "reported": ago(attempt.last_report_at, now),
        "ran": ran,
        "outcome": _outcome(attempt).removeprefix(", "),
    }


def _phases(task: Task, now: datetime) -> list[dict[str, Any]]:
    """Return how long it waited and ran, each with its share of the whole in percent."""
    until_start = (task.started_at or task.ended_at or now) - task.submitted_at
    running = (task.ended_at or now) - task.started_at if task.started_at else timedelta()
    total = max((until_start + running).total_seconds(), 1e-9)
    return [
        {"word": word, "tone": tone, "for": span(length.total_seconds()),
         "percent": round(100 * length.total_seconds() / total, 1)}
        for word, tone, length in (("waited", "wait", until_start), ("ran", "busy", running))
        if length
    ]  # fmt: skip


def _env(task: Task) -> list[tuple[str, str]]:
    """Return the variables of each phase by what they are called."""
    return [
        (called(phase, f"env {name}"), value)
        for phase, part in specs.parts(task.kind, task.spec).items()
        for name, value in sorted((part.get("env") or {}).items())
    ]


def _children(task: Task) -> list[dict[str, Any]]:
    rows = Task.objects.filter(parent=task).order_by("-submitted_at")[:_MOST_CHILDREN]
    return [{"row": row, "title": title(row), "chip": chip(row.state)} for row in rows]


def _artifacts(attempts: Sequence[Attempt]) -> list[Artifact]:
    if not attempts:
        return []
    return list(Artifact.objects.filter(attempt__in=attempts).order_by("name"))


def _steps(task: Task, attempts: Sequence[Attempt], now: datetime) -> list[Step]:
    """Return the history of the task and its attempts, oldest first."""
    numbers = {attempt.pk: f"attempt {attempt.number}" for attempt in attempts}
    events = list(selectors.events(task.pk)[:_MOST_EVENTS])
    known = actors.names(events)
    return [
        Step(
            at=ago(event.at, now),
            after=span((event.at - task.submitted_at).total_seconds()),
            what=numbers.get(event.object_id, "task"),
            state=chip(event.to_state, note=f"from {event.from_state or 'nothing'}"),
            who=actors.name(event, known),
            cause=_cause(event),
            request_id=event.request_id,
        )
        for event in events
    ]


def _cause(event: AuditEvent) -> str:
    reason = str(event.detail.get("reason", ""))
    words = [event.cause.lower(), reason] if reason else [event.cause.lower()]
    return ", ".join(words).replace("_", " ")


def _details(task: Task) -> list[tuple[str, str]]:
    """Return what was asked for, in words; what was not asked for is left out."""
    rows = [
        *((called(phase, "command"), text) for phase, text in commands(task).items()),
        ("kind", f"{task.kind}, driver {task.driver}"),
        ("priority", str(task.priority)),
        ("labels", _pairs(task.labels)),
        ("required labels", _pairs(task.requirement.labels)),
        ("constraints", "; ".join(_constraint(one) for one in task.requirement.constraints)),
        ("resources", _pairs(task.requirement.resources)),
        ("queue deadline", f"{task.queue_deadline_at:%Y-%m-%d %H:%M:%S} UTC"
         if task.queue_deadline_at else ""),
        ("may run for", _seconds(task.run_timeout_s)),
        ("may be silent for", _seconds(task.silence_timeout_s)),
        ("plan waits for", _seconds(task.reservation_timeout_s)
         if task.kind == PLAN_AND_APPLY else ""),
        ("agent lost after", f"{_seconds(task.lost_after_s)}, then {task.disconnect}"),
        ("retry", _retry(task.retry)),
    ]  # fmt: skip
    return [(name, text) for name, text in rows if text]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _constraint(entry: Mapping[str, str]) -> str:
    return f"{entry['ltarget']} {entry['operand']} {entry['rtarget']}"


def _seconds(value: int | None) -> str:
    return "" if value is None else span(value)


def _retry(policy: Mapping[str, Any]) -> str:
    if not policy:
        return ""
    most = policy.get("max_attempts", policy.get("attempts", "?"))
    return f"{most} attempts, on {', '.join(policy.get('on', []))}, {policy.get('delay', '')} delay"
