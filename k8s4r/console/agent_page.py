"""What stands on the page of one agent?"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.safestring import SafeString

from agents import selectors
from agents.core.states import Desired, Observed
from agents.core.totals import Totals
from agents.models import Agent, AgentType, Session, Slot
from executors.admin.task_page import title
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from executors.operating.selectors import task_totals
from executors.selectors import visible
from k8s4r.access.models import OF_AGENTS, Token
from k8s4r.access.principals import Principal
from k8s4r.console import presence
from k8s4r.console.presence import Life, Presence
from k8s4r.core.roles import Permission
from k8s4r.pages import ago, chip, span
from pools.models import Membership, Pod, Pool, PoolType

_LAST_TASKS: Final = 20
_LIVES: Final = 200


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A slot and what is on it: no ``attempt`` when it is idle or a task that is not shown."""

    slot: Slot
    is_used: bool
    attempt: Attempt | None
    title: str
    chip: SafeString
    ran: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that may be asked of an agent; with a note on why, it is asked about first."""

    value: str
    word: str
    explains: str
    asks_first: bool = False


_OFFERS: Final = {
    Desired.ACTIVE: Offer("active", "Resume", "It may get work again."),
    Desired.PAUSED: Offer(
        "paused", "Stop giving work", "It gets no new work; what runs goes on.", asks_first=True
    ),
    Desired.DRAINING: Offer(
        "draining", "Drain",
        "What it runs goes on to its end, and it gets nothing new. It never resumes by itself.",
        asks_first=True,
    ),
}  # fmt: skip


def facts(agent: Agent, viewer: Principal, *, now: datetime) -> dict[str, Any]:
    """Return what the page's template shows its viewer; a constant number of queries.

    By a shared pool an agent runs tasks of projects that its own project's people do not read.
    """
    session = selectors.open_session(agent.pk)
    slots = _slots(agent, viewer, now)
    return {
        "agent": agent,
        "original": agent.name,
        "observed": chip(agent.observed, note=agent.observed_reason),
        "desired": chip(agent.desired),
        "needs_approval": agent.observed == Observed.PENDING,
        "wishes": _offers(Desired(agent.desired)),
        "asked": ago(agent.desired_at, now) if agent.desired_at else "",
        "rotating": _is_rotating(agent),
        "presence": _presence(agent, now),
        "pools": _pools(agent),
        "cli": f"k8s4r describe agent {agent.name}",
        "json": f"/api/v1/agents/{agent.pk}",
        "session": session,
        "opened": ago(session.opened_at, now) if session else "-",
        "heard": ago(session.last_heartbeat_at, now) if session else "-",
        "slots": slots,
        "in_use": sum(line.is_used for line in slots),
        "tasks": _tasks(agent, viewer, now),
        "totals": task_totals([agent.pk]).get(agent.pk, Totals()),
        "labels": ", ".join(f"{key}={value}" for key, value in sorted(agent.labels.items())),
        "capabilities": json.dumps(agent.capabilities, indent=2),
        "device": json.dumps(agent.device_info, indent=2),
    }


def offer(value: str) -> Offer | None:
    """Return what asking this of an agent means."""
    return _OFFERS.get(Desired(value)) if value in set(Desired) else None


def running(agent: Agent, viewer: Principal) -> list[dict[str, Any]]:
    """Return what an agent runs now; what the viewer does not read has no title."""
    attempts = Attempt.objects.filter(agent=agent, state__in=CURRENT_WORDS).select_related("task")
    return [
        {"task_id": one.task_id, "title": title(one.task) if _reads(viewer, one) else ""}
        for one in attempts
    ]


def _reads(viewer: Principal, attempt: Attempt) -> bool:
    return viewer.may(Permission.TASKS_READ, attempt.project_id)


def _offers(desired: Desired) -> list[Offer]:
    """Return what may be asked of it now."""
    if desired is Desired.REVOKED:
        return []
    impossible = {desired} | ({Desired.PAUSED} if desired is Desired.DRAINING else set())
    return [one for wish, one in _OFFERS.items() if wish not in impossible]


def _presence(agent: Agent, now: datetime) -> Presence:
    since = now - presence.SHOWN
    rows = Session.objects.filter(agent=agent, last_heartbeat_at__gte=since).order_by("-opened_at")
    lives = [Life(one.opened_at, one.ended_at or one.last_heartbeat_at) for one in rows[:_LIVES]]
    return presence.presence(lives, since=since, now=now)


def _pools(agent: Agent) -> list[Pool]:
    """Return the pools that it works in: that of its pod, or those that list it or match it."""
    listed = Membership.objects.filter(agent=agent).values("pool")
    rows = Pool.objects.filter(archived_at=None, project_id=agent.project_id).order_by("name")
    if agent.type == AgentType.K8S:
        return list(rows.filter(pk__in=Pod.objects.filter(agent=agent).values("pool")))
    static = rows.filter(type=PoolType.STATIC, pk__in=listed)
    dynamic = rows.filter(type=PoolType.DYNAMIC, k8s_config=None)
    wanted = [one for one in dynamic if one.required_labels.items() <= agent.labels.items()]
    return [*static, *wanted]


def _is_rotating(agent: Agent) -> bool:
    rows = Token.objects.filter(kind__in=OF_AGENTS, subject=agent.pk)
    return rows.filter(rotating=True, revoked_at=None).exists()


def _slots(agent: Agent, viewer: Principal, now: datetime) -> list[SlotLine]:
    attempts = Attempt.objects.filter(agent=agent, state__in=CURRENT_WORDS).select_related("task")
    by_slot = {attempt.slot_id: attempt for attempt in attempts}
    return [_line(slot, by_slot.get(slot.pk), viewer, now) for slot in selectors.slots(agent.pk)]


def _line(slot: Slot, attempt: Attempt | None, viewer: Principal, now: datetime) -> SlotLine:
    if attempt is None:
        return SlotLine(slot, False, None, "", chip("idle"), "")
    since = attempt.started_at or attempt.assigned_at
    ran = span((now - since).total_seconds())
    shown = attempt if _reads(viewer, attempt) else None
    named = title(shown.task) if shown else ""
    return SlotLine(slot, True, shown, named, chip(attempt.state), ran)


def _tasks(agent: Agent, viewer: Principal, now: datetime) -> list[dict[str, Any]]:
    rows = visible(viewer).filter(agent=agent).order_by("-submitted_at")[:_LAST_TASKS]
    return [
        {
            "row": task,
            "title": title(task),
            "chip": chip(task.state),
            "age": ago(task.submitted_at, now),
        }
        for task in rows
    ]
