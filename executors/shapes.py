"""What does a task, an attempt or an event look like in JSON?"""

from typing import Any

from executors.core import progress
from executors.core.changes import Change
from executors.core.codes import SENTENCES, WaitingCode
from executors.core.lifecycle import TaskState
from executors.models import Annotation, Attempt, PlanDecision
from executors.plans import Plan, Planning
from executors.selectors import TaskRecord
from k8s4r.audit.models import AuditEvent

_NOT_YET = "No dispatch pass has looked at it yet: the next one comes within seconds."


def task(record: TaskRecord) -> dict[str, Any]:
    """Return a task; durations in seconds, ids beside the names of what they mean."""
    return {
        "id": record.id,
        "name": record.name,
        "kind": record.kind,
        "driver": record.driver,
        "phase": record.phase,
        "state": record.state,
        "waiting": _waiting(record),
        "project": record.project_name,
        "project_id": record.project_id,
        "pool": record.pool_name,
        "pool_id": record.pool_id,
        "owner": record.owner_name,
        "parent_id": record.parent_id,
        "spec": record.spec,
        **_asked(record),
        "submitted_at": record.submitted_at,
        "changed_at": record.changed_at,
        "run_after": record.run_after,
        "queue_deadline_at": record.queue_deadline_at,
        **_outcome(record),
    }


def attempt(row: Attempt) -> dict[str, Any]:
    """Return an attempt of a task."""
    return {
        "id": row.pk,
        "task_id": row.task_id,
        "number": row.number,
        "state": row.state,
        "stop_reason": row.stop_reason,
        "agent_id": row.agent_id,
        "agent": row.agent.name,
        "session_id": row.session_id,
        "slot_id": row.slot_id,
        "assigned_at": row.assigned_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "run_deadline_at": row.run_deadline_at,
        "reserved_until": row.reserved_until,
        "exit_code": row.exit_code,
        "signal": row.signal,
        "reason": row.reason,
        "message": row.message,
        "pid": row.pid,
    }


def annotation(row: Annotation) -> dict[str, Any]:
    """Return what an attempt pinned to its task's page; the text is Markdown, as it was told."""
    return {
        "id": row.pk,
        "attempt_id": row.attempt_id,
        "attempt": row.attempt.number,
        "context": row.context,
        "style": row.style,
        "text": row.text,
        "told_at": row.told_at,
    }


def planning(found: Planning) -> dict[str, Any]:
    """Return the newest plan of a task, and what was decided about its plans."""
    return {
        "plan": found.plan and _plan(found.plan),
        "decisions": [_decision(row) for row in found.decisions],
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "attempt_id": plan.attempt.pk,
        "attempt": plan.attempt.number,
        "waits": plan.waits,
        "sha256": plan.file.sha256 if plan.file else "",
        "size_bytes": plan.file.size_bytes if plan.file else None,
        "reserved_until": plan.attempt.reserved_until if plan.waits else None,
    }


def _decision(row: PlanDecision) -> dict[str, Any]:
    return {
        "attempt_id": row.attempt_id,
        "attempt": row.attempt.number,
        "outcome": "approved" if row.is_approved else "rejected",
        "person": row.person.username,
        "comment": row.comment,
        "sha256": row.plan_sha256,
        "decided_at": row.decided_at,
    }


def event(row: AuditEvent) -> dict[str, Any]:
    """Return one thing that happened."""
    return {
        "id": row.pk,
        "at": row.at,
        "object_type": row.object_type,
        "object_id": row.object_id,
        "from_state": row.from_state,
        "to_state": row.to_state,
        "cause": row.cause,
        "actor_kind": row.actor_kind,
        "actor_id": row.actor_id,
        "request_id": row.request_id,
        "detail": row.detail,
    }


def change(one: Change) -> dict[str, Any]:
    """Return one field that is another than in the task that is repeated."""
    return {"pointer": one.pointer, "from": one.before, "to": one.after}


def _asked(record: TaskRecord) -> dict[str, Any]:
    retry = dict(record.retry)
    if retry:
        retry = {"attempts": retry.pop("max_attempts"), **retry}
    return {
        "labels": record.labels,
        "required_labels": record.required_labels,
        "constraints": record.constraints,
        "resources": record.resources,
        "priority": record.priority,
        "run_timeout_s": record.run_timeout_s,
        "silence_timeout_s": record.silence_timeout_s,
        "reservation_timeout_s": record.reservation_timeout_s,
        "lost_after_s": record.lost_after_s,
        "disconnect": record.disconnect,
        "retry": retry or None,
    }


def _outcome(record: TaskRecord) -> dict[str, Any]:
    return {
        "stop_requested_at": record.stop_requested_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "attempts_made": record.attempts_made,
        "agent_id": record.agent_id,
        "agent": record.agent_name,
        "exit_code": record.exit_code,
        "signal": record.signal,
        "reason": record.reason,
        "message": record.message,
        "log_bytes": record.log_bytes,
        "progress": _progress(record),
    }


def _progress(record: TaskRecord) -> dict[str, Any] | None:
    """Return how far the present attempt says that it is; what an earlier one said is over."""
    made, state = record.attempts_made, record.state
    if not progress.is_present(record.progress_attempt, attempts_made=made, state=state):
        return None
    return {
        "fraction": record.progress,
        "text": record.progress_text,
        "at": record.progress_at,
    }


def _waiting(record: TaskRecord) -> dict[str, Any] | None:
    if record.state != TaskState.PENDING:
        return None
    code = WaitingCode.RETRY_BACKOFF if record.run_after else record.waiting_code
    return {
        "code": code or None,
        "since": waits_since(record),
        "sentence": SENTENCES[WaitingCode(code)] if code else _NOT_YET,
    }


def waits_since(record: TaskRecord) -> Any:
    """Return since when this task waits for this reason: not before it waits at all."""
    if record.run_after or record.waiting_since is None:
        return record.changed_at
    return max(record.waiting_since, record.changed_at)
