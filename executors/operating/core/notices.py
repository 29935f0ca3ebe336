"""What are operators told, how urgent is it, and when is it tried again?

waiting --sent--> delivered
   |  ^--failed, tries left
   |--failed, no tries left, or refused--> dead --retry by a person--> waiting
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from random import Random
from typing import Final

from k8s4r.core.backoff import Backoff, delay_s


class Event(StrEnum):
    """What there is to tell; ``test`` is only asked for."""

    TASK_FAILED = "task_failed"
    AGENT_OFFLINE = "agent_offline"
    QUEUE_TOO_OLD = "queue_too_old"
    APPROVAL_REQUIRED = "approval_required"
    TEST = "test"


class Kind(StrEnum):
    """Is it bad news, or that it is over?"""

    PROBLEM = "problem"
    RECOVERY = "recovery"


class Severity(StrEnum):
    """How bad it is; a recovery is ``info``."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Rank(IntEnum):
    """The order of severities."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class State(StrEnum):
    """Where a message is on its way."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


CHOSEN: Final = (
    Event.TASK_FAILED, Event.AGENT_OFFLINE, Event.QUEUE_TOO_OLD, Event.APPROVAL_REQUIRED,
)  # fmt: skip
# They last, and a recovery says that one is over.
LASTING: Final = (Event.AGENT_OFFLINE, Event.QUEUE_TOO_OLD, Event.APPROVAL_REQUIRED)
SEVERITIES: Final = {
    Event.TASK_FAILED: Severity.WARNING,
    Event.AGENT_OFFLINE: Severity.CRITICAL,
    Event.QUEUE_TOO_OLD: Severity.WARNING,
    Event.APPROVAL_REQUIRED: Severity.WARNING,
    Event.TEST: Severity.INFO,
}
# Half a minute at first, an hour at most: seven tries cover an hour of the receiver's absence.
BACKOFF: Final = Backoff(base_s=30.0, cap_s=3600.0, jitter=0.2)
MOST_TRIES: Final = 8
# What a broken deployment would say a thousand times; one message then stands for the rest.
MOST_FAILURES_A_WINDOW: Final = 30
# What waits longer is told in a later window.
MOST_PLANS_A_WINDOW: Final = 30
WINDOW_S: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person reads, and about what: ``subject`` is what it is told once about."""

    event: Event
    subject: str
    title: str
    body: str
    kind: Kind = Kind.PROBLEM

    @property
    def severity(self) -> Severity:
        return Severity.INFO if self.kind is Kind.RECOVERY else SEVERITIES[self.event]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlan:
    """A plan that a person is to decide about: whose, where, until when, and on which page."""

    attempt_id: str
    task_id: str
    name: str
    owner: str
    pool: str
    until: datetime | None
    page: str


def is_wanted(severity: Severity, least: str) -> bool:
    """Is this as urgent as a target wants it at least?"""
    return Rank[severity.name] >= Rank[Severity(least).name]


def after_failure(tries: int, random: Random, *, most: int = MOST_TRIES) -> float | None:
    """Return how long to wait before the next try, ``None`` when it was the last."""
    return None if tries >= most else delay_s(BACKOFF, tries, random)


def task_failed(task_id: str, name: str, pool: str, state: str, reason: str) -> Message:
    """Return what is said of a task that failed or timed out."""
    called = name or f"task {task_id[:8]}"
    return Message(
        event=Event.TASK_FAILED,
        subject=f"task:{task_id}",
        title=f"{called} {state.replace('_', ' ')}",
        body=f"Pool {pool}, reason {reason or 'unknown'}. See: k8s4r logs {task_id}",
    )


def many_failed(window: str) -> Message:
    """Return what stands for the failures beyond the limit of one window."""
    return Message(
        event=Event.TASK_FAILED,
        subject=f"window:{window}",
        title="Many tasks fail",
        body=(
            f"More than {MOST_FAILURES_A_WINDOW} within ten minutes; the others are not told one "
            "by one. See: k8s4r get tasks --state failed"
        ),
    )


def agent_offline(agent_id: str, name: str, observed: str, reason: str) -> Message:
    """Return what is said of an agent that should work and does not."""
    why = f": {reason}" if reason else ""
    return Message(
        event=Event.AGENT_OFFLINE,
        subject=f"agent:{agent_id}",
        title=f"Agent {name} is {observed}",
        body=f"It should work and does not{why}. See: k8s4r describe agent {name}",
    )


def queue_too_old(pool_id: str, name: str, oldest_s: float) -> Message:
    """Return what is said of a pool whose oldest task waits too long."""
    return Message(
        event=Event.QUEUE_TOO_OLD,
        subject=f"pool:{pool_id}",
        title=f"Tasks wait in pool {name}",
        body=(
            f"The oldest has waited {oldest_s / 60:.0f} minutes. "
            f"See: k8s4r get tasks --state pending --pool {name}"
        ),
    )


def approval_required(plan: HeldPlan) -> Message:
    """Return what is said of a plan that waits for somebody to approve or reject it."""
    kept = f", its slot is kept until {plan.until:%Y-%m-%d %H:%M} UTC" if plan.until else ""
    return Message(
        event=Event.APPROVAL_REQUIRED,
        subject=f"plan:{plan.attempt_id}",
        title=f"{plan.name or f'task {plan.task_id[:8]}'} waits for approval",
        body=(
            f"Pool {plan.pool}{kept}. Somebody else than {plan.owner} decides: "
            f"k8s4r approve {plan.task_id}, k8s4r reject {plan.task_id}, or {plan.page}"
        ),
    )


def recovered(event: Event, subject: str, title: str) -> Message:
    """Return that what was told is over."""
    return Message(
        event=event,
        subject=subject,
        kind=Kind.RECOVERY,
        title=f"Over: {title}",
        body="Nobody waits any more." if event is Event.APPROVAL_REQUIRED else "All is well.",
    )


def test(target: str) -> Message:
    """Return what a person sends to see whether a target works."""
    return Message(
        event=Event.TEST,
        subject="",
        title="A test of k8s4r",
        body=f"Notifications to {target} arrive.",
    )
