"""What an attempt's reports change: order, repeats, gaps, results, and every shape of an end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.wire.messages import Finished, Log, Progress, Refused, Started, Stopped
from executors.core.lifecycle import (
    ATTEMPT_CURRENT,
    ATTEMPT_TABLE,
    ATTEMPT_TERMINAL,
    AttemptEvent,
    AttemptState,
    StopReason,
)
from executors.core.reports import (
    AttemptFacts,
    Timed,
    end_on_our_clock,
    fold,
    on_our_clock,
)
from executors.core.results import result_hash

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ID = UUID(int=7)
A, E = AttemptState, AttemptEvent


def an_attempt(state=A.ASSIGNED, **facts):
    return AttemptFacts(id=ID, state=state, assigned_at=NOON, **{"log_room_bytes": 100, **facts})


def started(seq=1, **fields):
    return Timed(Started(attempt=ID, token="t", seq=seq, at=1.0, **fields), at_second(seq))


def progress(seq):
    return Timed(Progress(attempt=ID, token="t", seq=seq, at=1.0), at_second(seq))


def log(seq, data=b"x", stream="stdout"):
    report = Log(attempt=ID, token="t", seq=seq, at=1.0, stream=stream, data=data)
    return Timed(report, at_second(seq))


def finished(seq, exit_code=0, *, began=None, **fields):
    report = Finished(attempt=ID, token="t", seq=seq, at=1.0, exit_code=exit_code, **fields)
    return Timed(report, at_second(seq), began)


def stopped(seq, reason="cancel", **fields):
    report = Stopped(attempt=ID, token="t", seq=seq, at=1.0, reason=reason, **fields)
    return Timed(report, at_second(seq))


def refused(seq):
    return Timed(Refused(attempt=ID, token="t", seq=seq, at=1.0, message="no"), at_second(seq))


def at_second(count):
    return NOON + timedelta(seconds=count)


def test_a_whole_life_in_one_batch():
    result = fold(an_attempt(), [started(1, pid=42), log(2, b"hello"), finished(3)])
    assert result.statuses == ["ok", "ok", "ok"]
    assert result.last_seq == 3
    assert (result.beginning.event, result.beginning.at) == (E.STARTED, at_second(1))
    assert result.beginning.pid == 42
    assert result.ending.event is E.SUCCEEDED
    assert (result.ending.started_at, result.ending.at) == (at_second(1), at_second(3))
    assert [(chunk.seq, chunk.data) for chunk in result.chunks] == [(2, b"hello")]


def test_what_was_taken_before_is_a_duplicate_and_changes_nothing():
    result = fold(an_attempt(A.RUNNING, last_seq=2), [started(1), log(2)])
    assert result.statuses == ["duplicate", "duplicate"]
    assert not result.accepted
    assert (result.chunks, result.beginning, result.last_seq) == ([], None, 2)


def test_a_missing_report_makes_the_rest_wait():
    result = fold(an_attempt(A.RUNNING, last_seq=1), [log(3), log(4), log(2), log(3)])
    assert result.statuses == ["gap", "gap", "ok", "ok"]
    assert result.last_seq == 3


def test_the_same_result_again_is_a_success_and_another_one_a_conflict():
    kept = result_hash(finished(3, 1).report)
    ended = an_attempt(A.FAILED, last_seq=3, result_hash=kept)
    assert fold(ended, [finished(3, 1)]).statuses == ["duplicate"]
    other = fold(ended, [finished(3, 0)])
    assert other.statuses == ["conflict"]
    assert len(other.evidence) == 1
    assert fold(ended, [log(2), log(4)]).statuses == ["duplicate", "superseded"]


def test_a_result_does_not_depend_on_when_it_was_said():
    early = Finished(attempt=ID, token="t", seq=3, at=1.0, exit_code=1, message="boom")
    late = Finished(attempt=ID, token="t", seq=9, at=8.0, exit_code=1, message="boom again")
    assert result_hash(early) == result_hash(late)
    assert result_hash(early) != result_hash(stopped(3, exit_code=1).report)


@pytest.mark.parametrize("state", sorted(ATTEMPT_TERMINAL))
def test_what_ended_without_the_agent_supersedes_all_it_says(state):
    result = fold(an_attempt(state, last_seq=1), [log(2), finished(3)])
    assert result.statuses == ["superseded", "superseded"]
    assert len(result.evidence) == 2
    assert result.ending is None


def test_success_without_a_start_is_a_start_and_a_success():
    result = fold(an_attempt(), [finished(1, began=at_second(0))])
    assert (result.beginning.event, result.beginning.at) == (E.STARTED, at_second(0))
    assert result.ending.event is E.SUCCEEDED


def test_what_could_not_even_start_fails_without_having_run():
    result = fold(an_attempt(), [finished(1, None, signal_reason="process_run_error")])
    assert result.beginning is None
    assert (result.ending.event, result.ending.reason) == (E.FAILED, "process_run_error")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"exit_code": 3}, "exit_code"),
        ({"exit_code": None, "signal": 9}, "signal"),
        ({"exit_code": None, "signal": 9, "signal_reason": "oom"}, "oom"),
    ],
)
def test_a_failure_says_why(fields, reason):
    result = fold(an_attempt(A.RUNNING), [finished(1, **fields)])
    assert (result.ending.event, result.ending.reason) == (E.FAILED, reason)


def test_the_servers_reason_to_stop_counts_before_the_agents_own():
    asked = an_attempt(A.STOPPING, stop_reason=StopReason.RUN_DEADLINE)
    assert fold(asked, [stopped(1, "agent_stop")]).ending.stop_reason is StopReason.RUN_DEADLINE
    own = fold(an_attempt(A.RUNNING), [stopped(1, "agent_stop")])
    assert own.ending.stop_reason is StopReason.AGENT_STOP
    unheard = fold(an_attempt(A.RUNNING), [stopped(1, "something newer")])
    assert unheard.ending.stop_reason is StopReason.NONE


def test_a_start_while_stopping_is_noted_and_does_not_undo_the_stop():
    result = fold(an_attempt(A.STOPPING, stop_reason=StopReason.CANCEL), [started(1)])
    assert (result.beginning.event, result.beginning.at) == (None, at_second(1))


@pytest.mark.parametrize("item", [started(1), log(1), progress(1)])
def test_a_word_from_unknown_work_adopts_it(item):
    assert fold(an_attempt(A.UNKNOWN), [item]).beginning.event is E.ADOPTED


def test_adoption_is_not_forgotten_by_a_later_start():
    result = fold(an_attempt(A.UNKNOWN), [log(1), started(2)])
    assert result.beginning.event is E.ADOPTED


def test_the_end_of_unknown_work_needs_no_adoption():
    result = fold(an_attempt(A.UNKNOWN, started_at=NOON), [finished(1)])
    assert result.beginning is None
    assert result.ending.event is E.SUCCEEDED


def test_only_what_has_not_begun_can_be_refused():
    assert fold(an_attempt(), [refused(1)]).ending.event is E.REFUSED
    assert fold(an_attempt(A.RUNNING), [refused(1)]).ending.event is E.FAILED


def test_output_beyond_the_room_is_acknowledged_and_dropped():
    attempt = an_attempt(A.RUNNING, log_room_bytes=5)
    result = fold(attempt, [log(1, b"abc"), log(2, b"defg"), log(3, b"h")])
    assert result.statuses == ["ok", "ok", "ok"]
    assert [chunk.data for chunk in result.chunks] == [b"abc", b"de"]
    assert result.log_bytes == 5


def test_numbers_no_machine_can_mean_say_nothing():
    result = fold(an_attempt(), [started(1, pid=2**80), finished(2, 2**40, signal=-(2**33))])
    assert result.beginning.pid is None
    assert (result.ending.exit_code, result.ending.signal) == (None, None)
    assert result.ending.event is E.FAILED


def test_nothing_after_the_end_counts():
    result = fold(an_attempt(A.RUNNING), [finished(1), log(2), finished(1), finished(2, 1)])
    assert result.statuses == ["ok", "superseded", "duplicate", "conflict"]
    assert result.last_seq == 1


KINDS = st.sampled_from([started, progress, log, finished, stopped, refused])
ITEMS = st.lists(st.tuples(KINDS, st.integers(1, 6)), max_size=12)
STATES = st.sampled_from(sorted(ATTEMPT_CURRENT - {A.HELD}))


def state_after(attempt, result):
    state = attempt.state
    for step in (result.beginning, result.ending):
        if step is not None and step.event is not None:
            state = ATTEMPT_TABLE[state, step.event]
    return state


def stored(attempt, result):
    """Return the attempt as the next batch finds it."""
    began, ended = result.beginning, result.ending
    return replace(
        attempt,
        state=state_after(attempt, result),
        last_seq=result.last_seq,
        started_at=attempt.started_at or (began and began.at) or (ended and ended.started_at),
        result_hash=ended.result_hash if ended else attempt.result_hash,
        log_room_bytes=attempt.log_room_bytes - result.log_bytes,
    )


@given(STATES, ITEMS)
def test_every_fold_obeys_the_law_and_takes_a_dense_prefix_once(state, made):
    items = [kind(seq) for kind, seq in made]
    attempt = an_attempt(state, last_seq=1)
    result = fold(attempt, items)
    taken = [
        item.report.seq
        for item, status in zip(items, result.statuses, strict=True)
        if status == "ok"
    ]
    assert taken == list(range(2, 2 + len(taken)))
    assert result.last_seq == 1 + len(taken)
    assert (state_after(attempt, result) in ATTEMPT_TERMINAL) == (result.ending is not None)


@given(STATES, ITEMS, st.integers(0, 12))
def test_however_the_reports_are_cut_into_batches_they_change_the_same(state, made, cut):
    items = [kind(seq) for kind, seq in made]
    attempt = an_attempt(state)
    whole = fold(attempt, items)
    first = fold(attempt, items[:cut])
    between = stored(attempt, first)
    second = fold(between, items[cut:])
    assert whole.statuses == first.statuses + second.statuses
    assert stored(attempt, whole) == stored(between, second)
    assert whole.chunks == first.chunks + second.chunks


@given(STATES, ITEMS)
def test_sending_everything_again_changes_nothing_more(state, made):
    items = [kind(seq) for kind, seq in made]
    attempt = an_attempt(state)
    first = fold(attempt, items)
    again = fold(stored(attempt, first), items)
    if "gap" not in first.statuses:
        assert not again.accepted


@given(at=st.floats(0, 1e12), sent_at=st.floats(0, 1e12), age=st.integers(0, 10**6))
def test_an_agents_time_never_leaves_the_life_of_its_attempt(at, sent_at, age):
    now = NOON + timedelta(seconds=age)
    assert NOON <= on_our_clock(at, sent_at, now=now, assigned_at=NOON) <= now


def test_an_agents_time_counts_back_from_the_send():
    now = NOON + timedelta(seconds=100)
    assert on_our_clock(70.0, 100.0, now=now, assigned_at=NOON) == NOON + timedelta(seconds=70)


def test_work_ends_as_long_after_its_known_start_as_its_agent_measured():
    now = NOON + timedelta(seconds=100)
    assert end_on_our_clock(1.25, started_at=NOON, now=now) == NOON + timedelta(seconds=1.25)


@given(ran_s=st.floats(allow_nan=False), age=st.integers(-5, 10**6))
def test_work_never_ends_before_its_start_nor_in_the_future(ran_s, age):
    now = NOON + timedelta(seconds=age)
    assert NOON <= end_on_our_clock(ran_s, started_at=NOON, now=now) <= max(now, NOON)
