"""What does the next runner find of attempts, and when may their reports be sent?"""

from pathlib import Path

import msgspec
import pytest

from agents.client import clock
from agents.client.clock import BootClock
from agents.client.drivers.base import End
from agents.client.runner import journal, reports
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.outbox import WINDOW_BYTES, Outbox
from agents.client.runner.recovery import Remains, restore
from agents.client.runner.spool import Spool, SpoolInUse, claimed
from agents.client.runner.trash import Trash
from agents.wire import messages as wire
from tests.agent.words import a_life, make_order

EVERYTHING = 2**62


def ended(spool: Spool, *, chunks: int = 0, size: int = 10) -> Attempt:
    """Make an attempt that started, wrote ``chunks`` pieces and ended."""
    attempt = spool.accept(make_order())
    spool.note(attempt, reports.started(attempt, at=1.0))
    files = spool.files(attempt.order)
    written = b"".join(bytes([65 + n % 26]) * size for n in range(chunks))
    Path(files.stdout).write_bytes(written)
    for number in range(chunks):
        spool.piece(attempt, "stdout", (number * size, size), at=2.0)
    spool.note(attempt, reports.finished(attempt, End(0), at=3.0))
    attempt.phase = Phase.ENDED
    return attempt


def found(spool: Spool) -> Remains:
    spool.journal.write()
    return restore(journal.read(spool.root / "journal"))


def bodies(spool: Spool, attempt: Attempt) -> list[wire.Report]:
    return [
        msgspec.json.decode(spool.body(attempt, entry), type=wire.Report)
        for entry, _ in attempt.entries
    ]


def test_reports_come_back_as_they_were(spool: Spool):
    attempt = ended(spool, chunks=2)
    back = found(spool).attempts[attempt.id]
    assert bodies(spool, back) == bodies(spool, attempt)
    assert (back.next_seq, back.has_end_report) == (5, True)
    assert [report.seq for report in bodies(spool, back)] == [1, 2, 3, 4]


def test_acknowledged_reports_do_not_come_back(spool: Spool):
    attempt = ended(spool, chunks=2)
    spool.acked(attempt, 3)
    back = found(spool).attempts[attempt.id]
    assert [entry.seq for entry, _ in back.entries] == [4]
    assert back.acked == 3


def test_a_forgotten_attempt_leaves_nothing(spool: Spool):
    attempt = ended(spool, chunks=1)
    spool.acked(attempt, 3)
    spool.forget(attempt)
    assert found(spool).attempts == {}
    assert not Path(spool.files(attempt.order).stdout).exists()


def test_a_snapshot_says_the_same_as_the_journal_before_it(spool: Spool):
    attempt = ended(spool, chunks=3)
    spool.acked(attempt, 2)
    before = found(spool).attempts[attempt.id]
    spool.begin(a_life(), [attempt])
    after = found(spool).attempts[attempt.id]
    assert bodies(spool, after) == bodies(spool, before)
    assert (after.acked, after.next_seq, after.reported) == (2, 6, {"stdout": 30})


def test_output_that_a_power_cut_took_is_replaced_not_shifted(spool: Spool):
    attempt = ended(spool, chunks=2)
    Path(spool.files(attempt.order).stdout).write_bytes(b"AAAAAAAAAABBB")
    first, second = bodies(spool, attempt)[1:3]
    assert isinstance(first, wire.Log)
    assert isinstance(second, wire.Log)
    assert first.data == b"A" * 10
    assert second.data.startswith(b"BBB[output lost")


def test_files_of_unknown_attempts_are_cleared_away(spool: Spool, tmp_path: Path):
    stray = spool.files(make_order())
    Path(stray.work).mkdir()
    Path(stray.stdout).write_bytes(b"x")
    kept = ended(spool, chunks=1)
    spool.begin(a_life(), [kept])
    assert not Path(stray.work).exists()
    assert not Path(stray.stdout).exists()
    assert Path(spool.files(kept.order).stdout).exists()


def test_two_runners_cannot_have_one_spool(tmp_path: Path):
    with claimed(tmp_path), pytest.raises(SpoolInUse), claimed(tmp_path):
        pytest.fail("both have it")


def test_nothing_is_sent_before_it_is_durable(spool: Spool):
    attempt = ended(spool, chunks=1)
    outbox = Outbox(spool)
    outbox.offer(attempt)
    position = attempt.entries[0][1]
    assert outbox.take(durable=position - 1) == []
    assert [item.seq for item in outbox.take(durable=position)] == [1]
    assert [item.seq for item in outbox.take(durable=EVERYTHING)] == [2, 3]
    assert outbox.take(durable=EVERYTHING) == []


def test_only_an_end_report_is_urgent(spool: Spool):
    attempt = ended(spool, chunks=1)
    outbox = Outbox(spool)
    outbox.offer(attempt)
    taken = outbox.take(durable=EVERYTHING)
    assert [item.urgent for item in taken] == [False, False, True]


def test_a_new_link_gets_everything_that_is_not_acknowledged(spool: Spool):
    attempt = ended(spool, chunks=2)
    outbox = Outbox(spool)
    outbox.offer(attempt)
    outbox.take(durable=EVERYTHING)
    spool.acked(attempt, 1)
    outbox.restart([attempt])
    assert [item.seq for item in outbox.take(durable=EVERYTHING)] == [2, 3, 4]


def test_the_link_never_holds_more_than_a_window(spool: Spool):
    attempt = ended(spool, chunks=200, size=wire.LOG_CHUNK_BYTES)
    outbox = Outbox(spool)
    outbox.offer(attempt)
    taken = outbox.take(durable=EVERYTHING)
    assert sum(len(item.body) for item in taken) < 2 * WINDOW_BYTES
    assert outbox.take(durable=EVERYTHING) == []
    for item in taken:
        outbox.settle(item.attempt, item.seq)
        spool.acked(attempt, item.seq)
    assert outbox.take(durable=EVERYTHING)[0].seq == taken[-1].seq + 1


def test_attempts_take_turns(spool: Spool):
    loud, quiet = ended(spool, chunks=100), ended(spool)
    outbox = Outbox(spool)
    outbox.offer(loud)
    outbox.offer(quiet)
    order = [item.attempt for item in outbox.take(durable=EVERYTHING)]
    assert order.index(quiet.id) < 10


def test_a_gap_sends_again_from_where_the_server_stands(spool: Spool):
    attempt = ended(spool, chunks=2)
    outbox = Outbox(spool)
    outbox.offer(attempt)
    outbox.take(durable=EVERYTHING)
    assert outbox.rewind(attempt, 2, at=9.0) == []
    assert [item.seq for item in outbox.take(durable=EVERYTHING)] == [2, 3, 4]


def test_what_is_not_kept_any_more_is_stood_in_for(spool: Spool):
    attempt = ended(spool, chunks=2)
    outbox = Outbox(spool)
    outbox.offer(attempt)
    outbox.take(durable=EVERYTHING)
    spool.acked(attempt, 3)
    fillers = outbox.rewind(attempt, 2, at=9.0)
    said = [msgspec.json.decode(item.body, type=wire.Report) for item in fillers]
    assert [(type(one), one.seq) for one in said] == [(wire.Progress, 2), (wire.Progress, 3)]
    assert [item.seq for item in outbox.take(durable=EVERYTHING)] == [4]


def test_after_a_reboot_time_goes_on_by_the_wall_clock():
    minute_ago = clock.wall() - 60
    # 60 s ago the agent's clock said 5000: its wall clock was 5000 plus this offset.
    base = clock.carried_on(offset=minute_ago - 5000, last=5000)
    assert 5059 < BootClock(base).now() < 5062


def test_after_a_reboot_with_a_lost_wall_clock_time_never_goes_back():
    base = clock.carried_on(offset=clock.wall() + 10**6, last=5000)
    assert 5000 <= BootClock(base).now() < 5002


def test_what_cannot_be_deleted_does_not_keep_the_rest(tmp_path: Path):
    trash = Trash(tmp_path / "trash")
    rest = tmp_path / "rest"
    rest.mkdir()
    trash.put(tmp_path / ("x" * 300))  # no file system takes such a name
    trash.put(rest)
    trash.close()
    assert not rest.exists()
    assert list((tmp_path / "trash").iterdir()) == []
