"""When a maintenance window closes a pool: across midnight, and where clocks are set."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.core.windows import DAYS, Window, closure, leave_time_open

NIGHT = Window(begins=time(22), ends=time(4), days=frozenset({"mon"}), note="backup")
BERLIN = "Europe/Berlin"
ZONES = [
    *("UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
    *("Africa/Casablanca", "Pacific/Apia", "America/St_Johns"),
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    for moment, is_closed in [
        ("2026-11-23T21:59:59Z", False),  # a Monday
        ("2026-11-23T22:00:00Z", True),
        ("2026-11-24T03:59:59Z", True),
        ("2026-11-24T04:00:00Z", False),
        ("2026-11-24T22:00:00Z", False),
        ("2026-11-23T03:00:00Z", False),
    ]:
        assert (closure([NIGHT], now=at(moment)) is not None) is is_closed, moment


def test_who_waits_is_told_since_when_until_when_and_why() -> None:
    found = closure([NIGHT], now=at("2026-11-24T01:00:00Z"))
    assert found is not None
    assert found.since == at("2026-11-23T22:00:00Z")
    assert found.opens_at == at("2026-11-24T04:00:00Z")
    assert found.note == "backup"


def test_equal_times_mean_a_whole_day() -> None:
    window = Window(begins=time(6), ends=time(6), days=frozenset({"sun"}))
    found = closure([window], now=at("2026-11-23T05:00:00Z"))
    assert found is not None
    assert found.opens_at == at("2026-11-23T06:00:00Z")


def test_windows_without_a_gap_open_together() -> None:
    morning = Window(begins=time(4), ends=time(6), days=frozenset({"tue"}))
    found = closure([NIGHT, morning], now=at("2026-11-24T01:00:00Z"))
    assert found is not None
    assert found.opens_at == at("2026-11-24T06:00:00Z")


def test_an_override_opens_the_pool_until_its_time_and_no_longer() -> None:
    now = at("2026-11-24T01:00:00Z")
    assert closure([NIGHT], now=now, open_until=now + timedelta(seconds=1)) is None
    assert closure([NIGHT], now=now, open_until=now) is not None


def test_windows_that_leave_no_time_open_are_recognised() -> None:
    always = Window(begins=time(0), ends=time(0))
    now = at("2026-11-24T01:00:00Z")
    assert not leave_time_open([always], now=now)
    assert leave_time_open([NIGHT], now=now)
    found = closure([always], now=now)
    assert found is not None
    assert found.opens_at is None


@pytest.mark.parametrize(
    ("begins", "ends", "first_closed", "opens"),
    [
        # On 29 March 2026 Berlin's clocks jump from 02:00 to 03:00, at 01:00 UTC.
        ("01:30", "04:00", "2026-03-29T00:30:00Z", "2026-03-29T02:00:00Z"),
        ("02:30", "04:00", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
        ("01:00", "02:30", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        # On 25 October 2026 they are set back from 03:00 to 02:00, at 01:00 UTC.
        ("01:30", "02:30", "2026-10-24T23:30:00Z", "2026-10-25T01:30:00Z"),
        ("02:30", "04:00", "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"),
    ],
)
def test_a_window_in_the_night_of_the_change(
    begins: str, ends: str, first_closed: str, opens: str
) -> None:
    window = Window(
        begins=time.fromisoformat(begins), ends=time.fromisoformat(ends), timezone=BERLIN
    )
    start = at(first_closed)
    assert closure([window], now=start - timedelta(seconds=1)) is None
    found = closure([window], now=start)
    assert found is not None
    assert found.opens_at == at(opens)


def test_a_window_that_the_clocks_jump_over_is_not_there_that_night() -> None:
    window = Window(begins=time(2, 15), ends=time(2, 45), timezone=BERLIN)
    assert closure([window], now=at("2026-03-29T01:00:00Z")) is None
    assert closure([window], now=at("2026-03-30T00:30:00Z")) is not None


minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(
    Window,
    begins=minutes,
    ends=minutes,
    days=st.frozensets(st.sampled_from(DAYS)),
    timezone=st.sampled_from(ZONES),
)
# Half of the moments lie in the weeks in which the clocks of the zones above are set.
moments = st.one_of(
    *(
        st.datetimes(
            datetime.fromisoformat(first), datetime.fromisoformat(last), timezones=st.just(UTC)
        )
        for first, last in [
            ("2026-01-01", "2027-12-31"),
            ("2026-03-26", "2026-04-07"),
            ("2026-10-22", "2026-11-03"),
        ]
    )
)


def shown(window: Window, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(window.timezone)).replace(tzinfo=None)


def clocks_run_evenly(window: Window, now: datetime) -> bool:
    zone = ZoneInfo(window.timezone)
    around = {(now + timedelta(days=days)).astimezone(zone).utcoffset() for days in (-2, 0, 2)}
    return len(around) == 1


def wall_says_closed(window: Window, wall: datetime) -> bool:
    """Judge by the clock on the wall alone, as a person would."""
    days = window.days or frozenset(DAYS)
    today, yesterday = DAYS[wall.weekday()] in days, DAYS[(wall.weekday() - 1) % 7] in days
    clock = wall.time()
    if window.begins < window.ends:
        return today and window.begins <= clock < window.ends
    return (today and clock >= window.begins) or (yesterday and clock < window.ends)


@given(windows, moments)
def test_a_pool_is_closed_exactly_when_the_clock_on_the_wall_says_so(
    window: Window, now: datetime
) -> None:
    is_closed = closure([window], now=now) is not None
    says = wall_says_closed(window, shown(window, now))
    if clocks_run_evenly(window, now):
        assert is_closed == says
    elif says:
        assert is_closed, "also while clocks are set, a window never opens in its middle"


@given(st.lists(windows, min_size=1, max_size=3), moments)
def test_a_pool_opens_at_its_opening_time_and_not_before(
    several: list[Window], now: datetime
) -> None:
    found = closure(several, now=now)
    if found is None:
        return
    assert found.since <= now
    if found.opens_at is None:
        assert not leave_time_open(several, now=now)
        return
    assert closure(several, now=found.opens_at) is None
    step = (found.opens_at - now) / 7
    for part in range(7):
        assert closure(several, now=now + step * part) is not None
