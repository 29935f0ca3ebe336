"""Delays: their growth, their cap and what chance may do to them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.core.backoff import Backoff, Growth, delay_s

GROWTHS = st.sampled_from(Growth)


@pytest.mark.parametrize(
    ("growth", "delays"),
    [
        (Growth.CONSTANT, [2, 2, 2, 2, 2, 2, 2]),
        (Growth.EXPONENTIAL, [2, 4, 8, 16, 32, 60, 60]),
        (Growth.FIBONACCI, [2, 2, 4, 6, 10, 16, 26]),
    ],
)
def test_delays_grow_up_to_the_cap(growth: Growth, delays: list[float]) -> None:
    backoff = Backoff(growth, base_s=2, cap_s=60, jitter=0)
    assert [delay_s(backoff, nth, Random(1)) for nth in range(1, 8)] == delays


@given(
    GROWTHS,
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.floats(0, 1),
    st.integers(1, 10**9),
)
def test_chance_only_takes_away_and_at_most_its_share(
    growth: Growth, base_s: float, cap_s: float, jitter: float, nth: int
) -> None:
    whole = delay_s(Backoff(growth, base_s, cap_s, 0), nth, Random(nth))
    drawn = delay_s(Backoff(growth, base_s, cap_s, jitter), nth, Random(nth))
    assert 0 <= whole <= cap_s
    assert whole * (1 - jitter) <= drawn <= whole


@given(GROWTHS, st.floats(0, 100), st.integers(1, 200))
def test_a_later_try_never_waits_less(growth: Growth, base_s: float, nth: int) -> None:
    backoff = Backoff(growth, base_s, cap_s=1000, jitter=0)
    assert delay_s(backoff, nth, Random(1)) <= delay_s(backoff, nth + 1, Random(1))


def test_what_failed_together_does_not_return_together() -> None:
    random = Random(1)
    delays = {delay_s(Backoff(base_s=10, jitter=0.5), 1, random) for _ in range(20)}
    assert len(delays) == 20
