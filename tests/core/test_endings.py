"""What becomes of a task when its attempt ends: every row of the table, and the bounds."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core.endings import (
    LOST_ATTEMPTS,
    UNSAID,
    Aftermath,
    AttemptEnd,
    TaskFacts,
    after,
    policy_from,
    when_silent,
)
from executors.core.lifecycle import (
    ATTEMPT_TERMINAL,
    DEADLINE_REASONS,
    AttemptEvent,
    AttemptState,
    StopReason,
    TaskEvent,
)
from executors.core.retry import RetryOn, RetryPolicy
from k8s4r.core.backoff import Growth

GRACE = timedelta(seconds=15)
A, S, T = AttemptState, StopReason, TaskEvent
TWICE = RetryPolicy(
    max_attempts=2, delay=Growth.CONSTANT, base_s=4, jitter=0, on=frozenset(RetryOn)
)


def decide(end, *, disconnect="replace", made=1, phase="run", retry=UNSAID):
    task = TaskFacts(disconnect=disconnect, attempts_made=made, phase=phase, retry=retry)
    return after(end, task, requeue_grace=GRACE, random=Random(7))


@pytest.mark.parametrize("asked", StopReason)
def test_success_stands_whatever_was_asked_meanwhile(asked):
    end = AttemptEnd(state=A.SUCCEEDED, stop_reason=asked)
    assert decide(end) == Aftermath(T.SUCCEEDED)


@pytest.mark.parametrize("state", sorted(ATTEMPT_TERMINAL - {A.SUCCEEDED}))
def test_a_cancel_ends_as_cancelled_however_the_attempt_ended(state):
    end = AttemptEnd(state=state, stop_reason=S.CANCEL, confirmed=False)
    assert decide(end, retry=TWICE) == Aftermath(T.CANCELLED, "cancelled")


@pytest.mark.parametrize("reason", sorted(DEADLINE_REASONS))
def test_a_deadline_times_out_unless_the_policy_tries_again(reason):
    end = AttemptEnd(state=A.STOPPED, stop_reason=reason)
    assert decide(end) == Aftermath(T.TIMED_OUT, str(reason))
    again = decide(end, retry=TWICE)
    assert again == Aftermath(T.RETURNED, str(reason), timedelta(seconds=4))
    assert decide(end, retry=TWICE, made=2).event is T.TIMED_OUT


def test_a_failure_fails_with_the_reason_that_was_given():
    assert decide(AttemptEnd(state=A.FAILED, reason="oom")) == Aftermath(T.FAILED, "oom")
    assert decide(AttemptEnd(state=A.FAILED)) == Aftermath(T.FAILED, "failed")


def test_a_failure_is_tried_again_as_the_policy_says():
    end = AttemptEnd(state=A.FAILED, reason="exit_code")
    assert decide(end, retry=TWICE).delay == timedelta(seconds=4)
    assert decide(end, retry=TWICE, made=2) == Aftermath(T.FAILED, "exit_code")


@pytest.mark.parametrize("disconnect", ["replace", "wait"])
@pytest.mark.parametrize(
    "end",
    [
        AttemptEnd(state=A.LOST),
        AttemptEnd(state=A.STOPPED),
        AttemptEnd(state=A.STOPPED, stop_reason=S.AGENT_STOP),
        AttemptEnd(state=A.STOPPED, stop_reason=S.DISCONNECTED),
        AttemptEnd(state=A.STOPPED, stop_reason=S.RUNNER_LOST),
    ],
)
def test_what_the_agent_ended_by_itself_goes_on_elsewhere_at_once(disconnect, end):
    assert decide(end, disconnect=disconnect) == Aftermath(T.RETURNED, "agent_lost", timedelta(0))


def test_what_nobody_saw_end_waits_for_the_grace():
    end = AttemptEnd(state=A.LOST, confirmed=False)
    assert decide(end).delay == GRACE


def test_under_stop_the_task_fails_with_its_agent():
    end = AttemptEnd(state=A.LOST)
    assert decide(end, disconnect="stop", retry=TWICE) == Aftermath(T.FAILED, "agent_lost")


def test_lost_work_is_tried_again_within_bounds():
    end = AttemptEnd(state=A.LOST)
    assert decide(end, made=LOST_ATTEMPTS - 1).event is T.RETURNED
    assert decide(end, made=LOST_ATTEMPTS) == Aftermath(T.FAILED, "agent_lost")


def test_replace_holds_even_where_only_failures_are_retried():
    policy = RetryPolicy(max_attempts=3, on=frozenset({RetryOn.FAILED}))
    assert decide(AttemptEnd(state=A.LOST), retry=policy).event is T.RETURNED


def test_a_refusal_is_tried_elsewhere_and_not_without_end():
    end = AttemptEnd(state=A.REFUSED)
    first = decide(end, retry=RetryPolicy(max_attempts=1))
    assert first == Aftermath(T.RETURNED, "refused", timedelta(seconds=1))
    assert decide(end, made=5) == Aftermath(T.FAILED, "refused")


@pytest.mark.parametrize("state", sorted(ATTEMPT_TERMINAL - {A.SUCCEEDED}))
def test_an_apply_is_never_started_again(state):
    end = AttemptEnd(state=state, confirmed=True)
    assert decide(end, phase="apply", retry=TWICE).event is not T.RETURNED


@given(
    end=st.builds(
        AttemptEnd,
        state=st.sampled_from(sorted(ATTEMPT_TERMINAL)),
        stop_reason=st.sampled_from(sorted(StopReason)),
        confirmed=st.booleans(),
    ),
    disconnect=st.sampled_from(["replace", "stop", "wait"]),
    made=st.integers(1, 200),
    retry=st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 100),
        on=st.frozensets(st.sampled_from(sorted(RetryOn))),
    ),
)
def test_only_a_return_has_a_delay_and_unseen_ends_always_wait_for_the_grace(
    end, disconnect, made, retry
):
    result = decide(end, disconnect=disconnect, made=made, retry=retry)
    assert (result.delay is not None) == (result.event is T.RETURNED)
    if result.event is T.RETURNED:
        assert made < max(retry.max_attempts, 5)
        assert end.confirmed or result.delay >= GRACE


@pytest.mark.parametrize(
    ("disconnect", "phase", "asked", "event"),
    [
        ("replace", "run", S.NONE, AttemptEvent.LOST),
        ("stop", "run", S.NONE, AttemptEvent.LOST),
        ("wait", "run", S.NONE, AttemptEvent.UNSURE),
        ("wait", "run", S.CANCEL, AttemptEvent.LOST),
        ("wait", "run", S.RUN_DEADLINE, AttemptEvent.UNSURE),
        ("replace", "apply", S.NONE, AttemptEvent.UNSURE),
        ("replace", "apply", S.CANCEL, AttemptEvent.UNSURE),
    ],
)
def test_silence_loses_only_what_stops_by_itself(disconnect, phase, asked, event):
    assert when_silent(disconnect, phase, asked) is event


def test_a_stored_policy_reads_back():
    stored = {"max_attempts": 4, "delay": "fibonacci", "base_s": 2, "on": ["failed", "lost"]}
    assert policy_from(stored) == RetryPolicy(
        max_attempts=4,
        delay=Growth.FIBONACCI,
        base_s=2,
        on=frozenset({RetryOn.FAILED, RetryOn.LOST}),
    )
    assert policy_from({}) == UNSAID


def test_a_plan_that_is_held_is_no_end_and_one_that_is_gone_is_made_again_whatever_the_policy():
    assert decide(AttemptEnd(state=A.HELD), phase="plan") == Aftermath(T.PLANNED)
    gone = AttemptEnd(state=A.LOST, was_held=True)
    again = Aftermath(T.RETURNED, "replan_required", timedelta(0))
    assert decide(gone, phase="plan", disconnect="stop", made=99) == again
    refused = AttemptEnd(state=A.REFUSED, reason="replan_required")
    assert decide(refused, phase="apply", made=99) == again
    assert decide(AttemptEnd(state=A.REFUSED), phase="apply") == Aftermath(T.FAILED, "refused")
