"""What stands on the page of one agent?"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.safestring import SafeString

from agents import selectors
from agents.core.states import Desired, Observed
from agents.models import Agent, Slot
from executors.admin import actors
from executors.admin.task_page import title
from executors.core.lifecycle import ATTEMPT_CURRENT
from executors.models import Attempt, Task
from k8s4r.audit.models import AuditEvent
from k8s4r.pages import ago, chip, span

_LAST_TASKS: Final = 20
_LAST_EVENTS: Final = 20
_CURRENT: Final = sorted(ATTEMPT_CURRENT)


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A slot and what is on it."""

    slot: Slot
    attempt: Attempt | None
    title: str
    chip: SafeString
    ran: str


def facts(agent: Agent, *, now: datetime) -> dict[str, Any]:
    """Return what the page's template shows; a constant number of queries."""
    session = selectors.open_session(agent.pk)
    slots = _slots(agent, now)
    return {
        "agent": agent,
        "original": agent.name,
        "observed": chip(agent.observed, note=agent.observed_reason),
        "desired": chip(agent.desired),
        "needs_approval": agent.observed == Observed.PENDING,
        "wishes": _wishes(Desired(agent.desired)),
        "session": session,
        "opened": ago(session.opened_at, now) if session else "-",
        "heard": ago(session.last_heartbeat_at, now) if session else "-",
        "slots": slots,
        "in_use": sum(line.attempt is not None for line in slots),
        "tasks": _tasks(agent, now),
        "events": _events(agent, now),
        "labels": ", ".join(f"{key}={value}" for key, value in sorted(agent.labels.items())),
        "capabilities": json.dumps(agent.capabilities, indent=2),
        "device": json.dumps(agent.device_info, indent=2),
    }


def _wishes(desired: Desired) -> list[tuple[str, str]]:
    """Return what may be asked of it now: the value, and the word on the button."""
    if desired is Desired.REVOKED:
        return []
    offered = [
        (Desired.ACTIVE, "Resume"),
        (Desired.PAUSED, "Pause"),
        (Desired.DRAINING, "Drain"),
    ]
    impossible = {desired} | ({Desired.PAUSED} if desired is Desired.DRAINING else set())
    return [(str(wish), word) for wish, word in offered if wish not in impossible]


def _slots(agent: Agent, now: datetime) -> list[SlotLine]:
    attempts = Attempt.objects.filter(agent=agent, state__in=_CURRENT).select_related("task")
    by_slot = {attempt.slot_id: attempt for attempt in attempts}
    return [_line(slot, by_slot.get(slot.pk), now) for slot in selectors.slots(agent.pk)]


def _line(slot: Slot, attempt: Attempt | None, now: datetime) -> SlotLine:
    if attempt is None:
        return SlotLine(slot, None, "", chip("idle"), "")
    since = attempt.started_at or attempt.assigned_at
    ran = span((now - since).total_seconds())
    return SlotLine(slot, attempt, title(attempt.task), chip(attempt.state), ran)


def _tasks(agent: Agent, now: datetime) -> list[dict[str, Any]]:
    rows = Task.objects.filter(agent=agent).order_by("-submitted_at")[:_LAST_TASKS]
    return [
        {
            "row": task,
            "title": title(task),
            "chip": chip(task.state),
            "age": ago(task.submitted_at, now),
        }
        for task in rows
    ]


def _events(agent: Agent, now: datetime) -> list[dict[str, Any]]:
    events = list(AuditEvent.objects.filter(object_id=agent.pk)[:_LAST_EVENTS])
    known = actors.names(events)
    return [
        {
            "chip": chip(_what_changed(event)),
            "cause": event.cause.replace("_", " "),
            "who": actors.name(event, known),
            "at": ago(event.at, now),
        }
        for event in events
    ]


def _what_changed(event: AuditEvent) -> str:
    """Return the wish when that changed, else the fact."""
    wish = event.detail.get("changes", {}).get("desired")
    return str(wish[1]) if wish and event.from_state else event.to_state
