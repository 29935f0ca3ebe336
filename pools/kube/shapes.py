"""What does Kubernetes' JSON say of a pod? Read leniently: what is missing counts as not said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pools.core.ports import ContainerSeen, PodSeen


def pod_seen(found: Mapping[str, Any]) -> PodSeen:
    """Return a pod as a value; of its containers the first, which is the agent's."""
    meta, status = found.get("metadata", {}), found.get("status", {})
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    waits = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    return PodSeen(
        name=meta.get("name", ""),
        uid=meta.get("uid", ""),
        phase=status.get("phase", "Unknown"),
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
        node=found.get("spec", {}).get("nodeName") or "",
        ready=conditions.get("Ready", {}).get("status") == "True",
        deleting="deletionTimestamp" in meta,
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        unschedulable=scheduled.get("message") or "Unschedulable" if waits else "",
        container=_container(status.get("containerStatuses") or ()),
        created_at=_moment(meta.get("creationTimestamp")),
    )


def is_ready(node: Mapping[str, Any]) -> bool:
    """Is this node ready?"""
    conditions = node.get("status", {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _container(statuses: Any) -> ContainerSeen:
    first = next(iter(statuses), None)
    if first is None:
        return ContainerSeen()
    state, last = first.get("state") or {}, first.get("lastState") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    before = last.get("terminated") or {}
    codes = [one["exitCode"] for one in (ended, before) if "exitCode" in one]
    return ContainerSeen(
        waiting=waiting.get("reason", ""),
        message=waiting.get("message") or ended.get("message") or before.get("message") or "",
        terminated=ended.get("reason", ""),
        exit_code=codes[0] if codes else None,
        last_terminated=before.get("reason", ""),
        restarts=first.get("restartCount", 0),
        running="running" in state,
    )


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
