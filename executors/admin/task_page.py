"""What stands on the page of one task?"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils.safestring import SafeString

from executors import selectors
from executors.admin import actors, task_log
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.core.waiting import Explanation, Reason
from executors.models import Attempt, Task
from k8s4r.audit.models import AuditEvent
from k8s4r.pages import ago, chip, span

_MOST_EVENTS: Final = 200
_MOST_CANDIDATES: Final = 50
# Reasons that only repeat what a number says.
_SAID_ALREADY: Final = frozenset({"", "exit_code", "signal"})
_CANCELLABLE: Final = frozenset({TaskState.PENDING, TaskState.DISPATCHING, TaskState.RUNNING})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that could take the task, and what keeps it from it."""

    agent_id: UUID
    name: str
    code: str
    detail: str


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
    explanation = selectors.explanation(task.pk)
    return {
        "task": task,
        "title": title(task),
        "original": title(task),
        "chip": chip(task.state),
        "is_final": task.state in TASK_TERMINAL,
        "is_unknown": task.state == TaskState.UNKNOWN,
        "can_cancel": task.state in _CANCELLABLE,
        "summary": _summary(task, now),
        "waiting": explanation,
        "candidates": _candidates(explanation),
        "attempts": [_attempt_row(one, now) for one in attempts],
        "steps": _steps(task, attempts, now),
        "details": _details(task),
        "log": task_log.tail(task.pk, attempt),
        "spec": json.dumps(task.spec, indent=2, ensure_ascii=False),
    }


def title(task: Task) -> str:
    """Return the name, or the command that a task without one runs."""
    return task.name or f"$ {command(task) or task.driver}"


def command(task: Task) -> str:
    """Return the command as one would type it; empty when it runs none."""
    argv = task.spec.get("argv")
    return shlex.join(map(str, argv)) if isinstance(argv, list) else ""


def _summary(task: Task, now: datetime) -> str:
    """Return the state of affairs in one sentence."""
    if task.state == TaskState.PENDING:
        return f"waits for {span((now - task.submitted_at).total_seconds())}"
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


def _candidates(explanation: Explanation | None) -> list[Candidate]:
    if explanation is None:
        return []
    return [_candidate(reason) for reason in explanation.reasons[:_MOST_CANDIDATES]]


def _candidate(reason: Reason) -> Candidate:
    found = reason.exclusion
    if found is None:
        return Candidate(reason.agent_id, reason.name, "fits", "has room; others come first")
    detail = f"{found.rule}: needs {found.needed}, has {found.found or 'nothing'}"
    return Candidate(reason.agent_id, reason.name, found.code, detail)


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
        "ran": ran,
        "outcome": _outcome(attempt).removeprefix(", "),
    }


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
        ("command", command(task)),
        ("kind", f"{task.kind}, driver {task.driver}"),
        ("priority", str(task.priority)),
        ("labels", _pairs(task.requirement.labels)),
        ("constraints", "; ".join(_constraint(one) for one in task.requirement.constraints)),
        ("resources", _pairs(task.requirement.resources)),
        ("queue deadline", f"{task.queue_deadline_at:%Y-%m-%d %H:%M:%S} UTC"
         if task.queue_deadline_at else ""),
        ("may run for", _seconds(task.run_timeout_s)),
        ("may be silent for", _seconds(task.silence_timeout_s)),
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
