"""Retry: whether there is another try, and when."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core.retry import RetryOn, RetryPolicy, next_attempt
from k8s4r.core.backoff import Growth


def delay(policy: RetryPolicy, attempts_made: int, outcome: RetryOn) -> timedelta | None:
    return next_attempt(policy, attempts_made=attempts_made, outcome=outcome, random=Random(1))


def test_by_default_only_lost_work_is_tried_again() -> None:
    tried = {outcome for outcome in RetryOn if delay(RetryPolicy(), 1, outcome) is not None}
    assert tried == {RetryOn.LOST}


@pytest.mark.parametrize("outcome", RetryOn)
def test_attempts_end_at_the_maximum_whatever_they_ended_by(outcome: RetryOn) -> None:
    policy = RetryPolicy(max_attempts=3, on=frozenset(RetryOn))
    delays = [delay(policy, made, outcome) for made in range(1, 6)]
    assert [value is not None for value in delays] == [True, True, False, False, False]


def test_one_attempt_means_no_second_one() -> None:
    assert delay(RetryPolicy(max_attempts=1), 1, RetryOn.LOST) is None


def test_delays_grow_from_attempt_to_attempt() -> None:
    policy = RetryPolicy(
        max_attempts=9, delay=Growth.FIBONACCI, base_s=2, cap_s=7, jitter=0, on=frozenset(RetryOn)
    )
    delays = [delay(policy, made, RetryOn.FAILED) for made in range(1, 6)]
    assert delays == [timedelta(seconds=seconds) for seconds in (2, 2, 4, 6, 7)]


@given(st.integers(0, 100), st.integers(1, 100), st.sampled_from(RetryOn))
def test_a_delay_is_never_negative_and_never_above_the_cap(
    made: int, most: int, outcome: RetryOn
) -> None:
    policy = RetryPolicy(max_attempts=most, on=frozenset(RetryOn))
    found = delay(policy, made, outcome)
    assert (found is None) == (made >= most)
    assert found is None or timedelta(0) <= found <= timedelta(seconds=policy.cap_s)
