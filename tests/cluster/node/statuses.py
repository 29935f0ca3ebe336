"""How does a node say how a pod is? Values of the Pod's status, from nothing but arguments."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
HOST_IP = "127.0.0.1"
PENDING, RUNNING, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"


def moment(at: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "") -> Json:
    """Return the state of a container that does not run yet, or not now."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running(since: datetime) -> Json:
    """Return the state of a container that runs."""
    return {"running": {"startedAt": moment(since)}}


def terminated(
    code: int, began: datetime, ended: datetime, *, reason: str = "", message: str = ""
) -> Json:
    """Return the state of a container that has ended."""
    said = {"message": message} if message else {}
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": moment(began),
            "finishedAt": moment(ended),
            **said,
        }
    }


def container(
    spec: Json, state: Json, *, last: Json | None = None, restarts: int = 0, id_: str = ""
) -> Json:
    """Return one entry of ``containerStatuses``."""
    is_running = "running" in state
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": f"process://{spec['image']}" if id_ else "",
        "containerID": f"process://{id_}" if id_ else "",
        "ready": is_running,
        "started": is_running,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    }


def phase_of(states: Sequence[Json], *, are_final: bool) -> str:
    """Return the phase of a pod with containers in these states.

    Args:
        are_final: every container has ended and none is started again.
    """
    if are_final and all("terminated" in state for state in states):
        codes = [state["terminated"]["exitCode"] for state in states]
        return FAILED if any(codes) else SUCCEEDED
    has_run = any("waiting" not in state or _is_back_off(state) for state in states)
    return RUNNING if has_run else PENDING


def _is_back_off(state: Json) -> bool:
    return bool(state["waiting"]["reason"] == "CrashLoopBackOff")


def pod(
    phase: str, containers: Sequence[Json], *, began: datetime, now: datetime, **more: str
) -> Json:
    """Return a whole status; conditions of others stay where they are (strategic merge)."""
    is_ready = phase == RUNNING and all(entry["ready"] for entry in containers)
    why = {} if is_ready else {"reason": _why_not(phase)}
    has_started = phase != PENDING
    conditions = [
        _condition("PodReadyToStartContainers", is_true=has_started, now=now),
        _condition("Initialized", is_true=True, now=began),
        _condition("Ready", is_true=is_ready, now=now, **why),
        _condition("ContainersReady", is_true=is_ready, now=now, **why),
    ]
    addresses = {"podIP": HOST_IP, "podIPs": [{"ip": HOST_IP}]} if has_started else {}
    return {
        "phase": phase,
        "startTime": moment(began),
        "hostIP": HOST_IP,
        **addresses,
        "conditions": conditions,
        "containerStatuses": list(containers),
        **more,
    }


def _why_not(phase: str) -> str:
    return {SUCCEEDED: "PodCompleted", FAILED: "PodFailed"}.get(phase, "ContainersNotReady")


def _condition(kind: str, *, is_true: bool, now: datetime, **why: str) -> Json:
    return {
        "type": kind,
        "status": "True" if is_true else "False",
        "lastTransitionTime": moment(now),
        **(why or {"reason": None}),
    }
