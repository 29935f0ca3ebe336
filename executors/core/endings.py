"""What becomes of a task when its attempt has ended, or its agent is silent?

succeeded                          completed
held: a plan that is to be applied apply_pending
held and lost, or not as approved  another plan
an apply whose runner was lost     unknown: it may have come any way
stopped or lost, asked to cancel   cancelled
stopped or lost, at a deadline     timed_out, or another try
failed                             failed, or another try
refused                            another try elsewhere, within bounds
stopped by the agent, or lost      another try (`replace`, `wait`), failed (`stop`)
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from random import Random
from typing import Any, Final

from agents.wire.orders import APPLY, REPLAN_REQUIRED
from executors.core.lifecycle import (
    DEADLINE_REASONS,
    AttemptEvent,
    AttemptState,
    StopReason,
    TaskEvent,
)
from executors.core.retry import RetryOn, RetryPolicy, next_attempt
from k8s4r.core.backoff import Growth

AGENT_LOST: Final = "agent_lost"
REFUSED: Final = "refused"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"
# There is no plan any more that could be applied as it was approved: another one has to be made.
REPLAN: Final = REPLAN_REQUIRED

# A task that says nothing about retries still survives its agents, this many attempts in all.
LOST_ATTEMPTS: Final = 5
UNSAID: Final = RetryPolicy(max_attempts=LOST_ATTEMPTS, base_s=0.0)
# A refusal costs nothing, but an agent that refuses everything must not be asked without end.
REFUSALS: Final = RetryPolicy(
    max_attempts=5, base_s=1.0, cap_s=60.0, jitter=0.0, on=frozenset({RetryOn.FAILED})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """How an attempt ended.

    ``stop_reason`` is why the server asked it to stop or, when nobody asked, what the agent gave
    as its reason. ``confirmed`` means that its processes are known to be gone, ``was_held`` that
    it had been a plan that waited for a decision.
    """

    state: AttemptState
    stop_reason: StopReason = StopReason.NONE
    reason: str = ""
    confirmed: bool = True
    was_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What the decision needs to know of the task."""

    disconnect: str
    attempts_made: int
    phase: str = "run"
    retry: RetryPolicy = UNSAID


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What happens to the task; ``delay`` is set when it goes back to the queue."""

    event: TaskEvent
    reason: str = ""
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Meaning:
    outcome: RetryOn
    event: TaskEvent
    reason: str


def after(
    end: AttemptEnd, task: TaskFacts, *, requeue_grace: timedelta, random: Random
) -> Aftermath:
    """Decide what becomes of the task.

    Args:
        requeue_grace: how long work that nobody saw end waits before it starts elsewhere.
    """
    if end.state in _PLAINLY:
        return _PLAINLY[end.state]
    if end.stop_reason is StopReason.CANCEL:
        return Aftermath(TaskEvent.CANCELLED, CANCELLED)
    if _has_no_plan(end, task):
        return Aftermath(TaskEvent.RETURNED, REPLAN, timedelta(0))
    meaning = _meaning(end)
    delay = _next(end, meaning, task, random)
    if delay is None:
        return Aftermath(meaning.event, meaning.reason)
    grace = timedelta(0) if end.confirmed else requeue_grace
    return Aftermath(TaskEvent.RETURNED, meaning.reason, max(delay, grace))


def when_silent(
    disconnect: str, phase: str, stop_reason: StopReason = StopReason.NONE
) -> AttemptEvent:
    """Return what happens to an attempt whose agent was silent for ``lost_after_s``.

    Work that may still run somewhere, and an apply always, is nobody's to start again. What was
    to be cancelled anyway is lost: its task ends, and the agent is told to stop when it returns.
    """
    if phase == APPLY:
        return AttemptEvent.UNSURE
    if disconnect == "wait" and stop_reason is not StopReason.CANCEL:
        return AttemptEvent.UNSURE
    return AttemptEvent.LOST


def policy_from(stored: Mapping[str, Any]) -> RetryPolicy:
    """Return the policy that a task carries as JSON; without one, that of a task that says nothing.

    The keys are the fields of `RetryPolicy`; what is not given has that class's default.
    """
    if not stored:
        return UNSAID
    known = {field.name for field in fields(RetryPolicy)}
    given = {key: value for key, value in stored.items() if key in known}
    if "delay" in given:
        given["delay"] = Growth(given["delay"])
    if "on" in given:
        given["on"] = frozenset(RetryOn(outcome) for outcome in given["on"])
    return RetryPolicy(**given)


# How far it came says all: `HELD` and `UNKNOWN` are no ends, but the last that is heard for now.
_PLAINLY: Final = {
    AttemptState.SUCCEEDED: Aftermath(TaskEvent.SUCCEEDED),
    AttemptState.HELD: Aftermath(TaskEvent.PLANNED),
    AttemptState.UNKNOWN: Aftermath(TaskEvent.UNSURE, AGENT_LOST),
}


def _has_no_plan(end: AttemptEnd, task: TaskFacts) -> bool:
    """Is the plan gone, without anything of it having been applied?

    Nothing ran meanwhile, so this is no failed try: it does not count against any policy.
    """
    if end.was_held:
        return True
    return task.phase == APPLY and end.state is AttemptState.REFUSED and end.reason == REPLAN


def _meaning(end: AttemptEnd) -> _Meaning:
    if end.stop_reason in DEADLINE_REASONS:
        return _Meaning(RetryOn.TIMED_OUT, TaskEvent.TIMED_OUT, str(end.stop_reason))
    if end.state is AttemptState.FAILED:
        return _Meaning(RetryOn.FAILED, TaskEvent.FAILED, end.reason or FAILED)
    if end.state is AttemptState.REFUSED:
        return _Meaning(RetryOn.FAILED, TaskEvent.FAILED, REFUSED)
    return _Meaning(RetryOn.LOST, TaskEvent.FAILED, AGENT_LOST)


def _next(end: AttemptEnd, meaning: _Meaning, task: TaskFacts, random: Random) -> timedelta | None:
    """Return the delay before another try, or ``None`` where there is none."""
    if task.phase == APPLY:
        return None
    policy = task.retry
    if end.state is AttemptState.REFUSED:
        most = max(policy.max_attempts, REFUSALS.max_attempts)
        policy = replace(REFUSALS, max_attempts=most)
    elif meaning.outcome is RetryOn.LOST:
        if task.disconnect == "stop":
            return None
        # That an agent died says nothing about the work: `replace` asks for the next attempt
        # whatever else is retried.
        policy = replace(policy, on=policy.on | {RetryOn.LOST})
    return next_attempt(
        policy, attempts_made=task.attempts_made, outcome=meaning.outcome, random=random
    )
