"""What stands on the page of one pod?"""

from datetime import datetime
from typing import Any, Final

from executors import history, pods
from executors.history import Span
from k8s4r.access.principals import Principal
from k8s4r.console import past, slot_map
from k8s4r.pages import ago, chip
from pools.core import failures
from pools.core.pods import PodState
from pools.models import Pod, PodAction

_MOST_ACTIONS: Final = 20
_LEAVING: Final = frozenset({PodState.DRAINING, PodState.DELETING, PodState.GONE})


def facts(pod: Pod, viewer: Principal, *, now: datetime) -> dict[str, Any]:
    """Return what the page's template shows its viewer; a constant number of queries."""
    (line,) = slot_map.lines([pod], viewer, now=now)
    events = history.of_object([pod.pk], Span(limit=past.FEW))
    return {
        "pod": pod,
        "original": pod.name,
        "chip": chip(pod.state),
        "advice": failures.advice(pod.failure),
        "cells": line.cells,
        "used": sum(one.attempt is not None for one in line.cells),
        "agent_chip": chip(pod.agent.observed, note=pod.agent.observed_reason),
        "may_leave": pod.state not in _LEAVING,
        "ages": _ages(pod, now),
        "actions": [_action(row, now) for row in pods.actions(pod.pk)[:_MOST_ACTIONS]],
        "box": {"lines": past.lines(events, can_revert=False)},
        "cli": f"k8s4r describe pod {pod.name}",
        "json": f"/api/v1/pods/{pod.pk}",
    }


def _ages(pod: Pod, now: datetime) -> list[tuple[str, Any]]:
    """Return what happened to it and how long ago, as far as it did."""
    told = {
        "made": pod.created_at,
        "ready": pod.ready_at,
        "idle": pod.idle_since,
        "last seen in its cluster": pod.observed_at,
        "gone": pod.gone_at,
    }
    return [(word, ago(moment, now)) for word, moment in told.items() if moment]


def _action(row: PodAction, now: datetime) -> dict[str, Any]:
    return {"row": row, "chip": chip(row.state), "at": ago(row.created_at, now)}
