"""What is on the slots of a pool's pods now? Pods as rows, slots as cells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.safestring import SafeString
from django.utils.text import Truncator

from executors import pod_shapes, pods
from executors.admin.task_page import title
from executors.models import Attempt
from executors.pods import SlotSeen, SlotStatus
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission
from k8s4r.pages import ago, chip, span
from pools.core import failures
from pools.core.pods import PodState
from pools.models import Pod, Pool

MOST: Final = 50
_TITLE: Final = 40
# What a person should look at stands above what works.
_FIRST: Final = (PodState.FAILED, PodState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Cell:
    """A slot: its state as a word, and what is on it, as far as the viewer reads that.

    ``said`` is the kind of task and since when, or until when it is kept and for whose plan.
    """

    seen: SlotSeen
    chip: SafeString
    title: str
    said: str

    @property
    def attempt(self) -> Attempt | None:
        return self.seen.attempt

    @property
    def is_hidden(self) -> bool:
        """Is it in use by what the viewer may not read?"""
        return self.seen.attempt is not None and not self.title


@dataclass(frozen=True, slots=True)
class Line:
    """A pod and its slots."""

    pod: Pod
    chip: SafeString
    age: SafeString | str
    advice: str
    cells: Sequence[Cell]


def facts(pool: Pool, viewer: Principal, *, now: datetime) -> dict[str, Any]:
    """Return the map of a pool, and how its slots stand in all; five queries."""
    live = Pod.objects.filter(pool=pool).exclude(state=PodState.GONE).defer("log")
    rows = list(live.select_related("agent").order_by("created_at", "id")[: MOST + 1])
    shown = lines(rows[:MOST], viewer, now=now)
    lanes = pods.counts(pods.holders(pool))
    return {
        "lines": sorted(shown, key=lambda line: line.pod.state not in _FIRST),
        "numbers": range(max((len(line.cells) for line in shown), default=0)),
        "more": len(rows) > MOST,
        "lanes": lanes,
        "all": pods.summed(lanes),
        "by_state": [(chip(state), count) for state, count in pods.by_state(live).items()],
        "cli": f"k8s4r get slots --pool {pool.name}",
    }


def lines(rows: Iterable[Pod], viewer: Principal, *, now: datetime) -> list[Line]:
    """Return pods with what is on their slots; two queries for any number."""
    listed = list(rows)
    slots = pods.slots([row.agent_id for row in listed])
    return [
        Line(
            row,
            chip(row.state, note=row.message),
            ago(row.created_at, now),
            failures.advice(row.failure),
            [cell(seen, row, viewer, now=now) for seen in slots[row.agent_id]],
        )
        for row in listed
    ]


def cell(seen: SlotSeen, pod: Pod, viewer: Principal, *, now: datetime) -> Cell:
    """Return what a person is told of a slot."""
    attempt = seen.attempt
    shown = chip(seen.status)
    if attempt is None:
        is_usable = pod.state in {PodState.READY, PodState.DRAINING}
        return Cell(seen, shown if is_usable else chip("not ready"), "", "")
    reads = viewer.may(Permission.TASKS_READ, attempt.project_id)
    named = Truncator(title(attempt.task)).chars(_TITLE) if reads else ""
    return Cell(seen, shown, named, _said(seen.status, attempt, reads, now))


def _said(status: SlotStatus, attempt: Attempt, reads: bool, now: datetime) -> str:
    since = span((now - pod_shapes.since(attempt)).total_seconds())
    if status is SlotStatus.RUNNING:
        return f"{attempt.task.kind.replace('_', ' ')} for {since}" if reads else f"for {since}"
    until = pod_shapes.held_until(attempt)
    left = f", kept for {span((until - now).total_seconds())} more" if until else ""
    whose = f"{attempt.task.owner}'s plan" if reads else "a plan"
    return f"{whose} waits for approval for {since}{left}"
