"""What do pods, slots and decisions about the size of a pool look like in JSON?"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from agents.models import Agent
from executors import pods
from executors.core.lifecycle import AttemptState
from executors.models import Attempt
from executors.pods import LaneCount, SlotSeen, SlotStatus
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission
from pools.core import failures
from pools.models import Pod, PodAction, Pool, ScalingDecision

LOG_END: Final = 4096


def listed(rows: Sequence[Pod]) -> Callable[[Pod], dict[str, Any]]:
    """Return what shapes each of these pods: two queries for any number."""
    slots = pods.slots([row.agent_id for row in rows])
    return lambda row: _listed(row, slots[row.agent_id])


def whole(row: Pod, principal: Principal) -> dict[str, Any]:
    """Return a pod with its slots, what was done to it, and the end of its log."""
    slots = pods.slots([row.agent_id])[row.agent_id]
    return {
        **_listed(row, slots),
        "slot_map": [slot(one, principal) for one in slots],
        "actions": [action(one) for one in pods.actions(row.pk)],
        "log_bytes": len(row.log.encode()),
        "log_end": row.log[-LOG_END:],
    }


def log(row: Pod) -> dict[str, Any]:
    """Return what was kept of a pod's log; the row has it."""
    return {
        "pod_id": row.pk,
        "name": row.name,
        "state": row.state,
        "failure": row.failure,
        "bytes": len(row.log.encode()),
        "text": row.log,
    }


def holders(
    pool: Pool, rows: Sequence[Agent], principal: Principal
) -> Callable[[Agent], dict[str, Any]]:
    """Return what shapes each agent of a pool with its pod and slots: three queries."""
    ids = [row.pk for row in rows]
    slots = pods.slots(ids)
    in_pods = pods.pods_of(ids) if pool.k8s_config_id else {}
    return lambda row: _holder(row, in_pods.get(row.pk), slots[row.pk], principal)


def totals(lanes: Sequence[LaneCount]) -> dict[str, Any]:
    """Return how many slots there are and how they stand: in all, and by lane."""
    return {**_count(pods.summed(lanes)), "lanes": {one.lane: _count(one) for one in lanes}}


def slot(seen: SlotSeen, principal: Principal) -> dict[str, Any]:
    """Return a slot; what is on it only to who reads tasks there."""
    attempt = seen.attempt
    reads = attempt and principal.may(Permission.TASKS_READ, attempt.project_id)
    return {
        "slot_id": seen.slot.pk,
        "index": seen.slot.index,
        "lane": seen.slot.lane,
        "status": seen.status,
        "since": since(attempt) if attempt else None,
        "held_until": held_until(attempt) if attempt else None,
        "task": _task(attempt) if attempt and reads else None,
    }


def since(attempt: Attempt) -> datetime:
    """Return since when a slot is as it is: kept since the plan was ready, else in use."""
    if attempt.state == AttemptState.HELD:
        return attempt.changed_at
    return attempt.started_at or attempt.assigned_at


def held_until(attempt: Attempt) -> datetime | None:
    """Return until when a slot is kept for a decision; ``None``: it is not, or without end."""
    return attempt.reserved_until if attempt.state == AttemptState.HELD else None


def action(row: PodAction) -> dict[str, Any]:
    """Return one thing that is done to a pod in its cluster."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "state": row.state,
        "tries": row.tries,
        "not_before": row.not_before,
        "error": row.error,
        "created_at": row.created_at,
        "done_at": row.done_at,
    }


def decision(row: ScalingDecision) -> dict[str, Any]:
    """Return what one look at a pool's demand led to, and how long it stayed so."""
    return {
        "id": row.pk,
        "at": row.at,
        "until": row.until,
        "times": row.times,
        "demand": row.demand,
        "desired": row.desired,
        "serving": row.serving,
        "ready": row.ready,
        "counted": row.counted,
        "made": row.made,
        "drained": row.drained,
        "code": row.code,
        "reason": row.reason,
    }


def _listed(row: Pod, slots: Sequence[SlotSeen]) -> dict[str, Any]:
    idle = sum(one.status is SlotStatus.IDLE for one in slots)
    return {
        **_known(row),
        "pool": row.pool.name,
        "pool_id": row.pool_id,
        "project": row.pool.project.name,
        "project_id": row.pool.project_id,
        "config": row.config.name,
        "config_id": row.config_id,
        "agent_id": row.agent_id,
        "agent_observed": row.agent.observed,
        "agent_desired": row.agent.desired,
        "task_id": row.task_id,
        "template_hash": row.template_hash,
        "slots": {"total": len(slots), "idle": idle},
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "observed_at": row.observed_at,
        "ready_at": row.ready_at,
        "idle_since": row.idle_since,
        "gone_at": row.gone_at,
    }


def _known(row: Pod) -> dict[str, Any]:
    """Return who a pod is and how it stands."""
    return {
        "id": row.pk,
        "pod_id": row.pk,
        "name": row.name,
        "namespace": row.namespace,
        "uid": row.uid,
        "node": row.node,
        "state": row.state,
        "failure": row.failure,
        "message": row.message,
        "advice": failures.advice(row.failure),
        "shielded": row.shielded,
    }


def _holder(
    row: Agent, pod: Pod | None, slots: Sequence[SlotSeen], principal: Principal
) -> dict[str, Any]:
    return {
        "agent_id": row.pk,
        "agent": row.name,
        "observed": row.observed,
        "desired": row.desired,
        "pod": _known(pod) if pod else None,
        "created_at": row.created_at,
        "slots": [slot(one, principal) for one in slots],
    }


def _task(attempt: Attempt) -> dict[str, Any]:
    task = attempt.task
    identity: Mapping[str, UUID] = {"id": task.pk, "attempt_id": attempt.pk}
    return {
        **identity,
        "name": task.name,
        "kind": task.kind,
        "driver": task.driver,
        "phase": task.phase,
        "project": attempt.project.name,
        "owner": task.owner.username,
        "attempt": attempt.number,
        "attempt_state": attempt.state,
    }


def _count(one: LaneCount) -> dict[str, int]:
    return {
        "total": one.total,
        "idle": one.idle,
        "running": one.running,
        "reserved": one.reserved,
    }
