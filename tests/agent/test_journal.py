"""Does the spool's journal say after a crash what it said before?"""

from pathlib import Path
from uuid import uuid4

import pytest

from agents.client.runner import journal
from agents.client.runner.journal import Journal
from agents.client.runner.records import Acked, Complete, Forgotten, Record
from agents.client.runner.recovery import restore
from tests.waiting import wait_until


def a_journal(folder: Path, *snapshot: Record) -> Journal:
    one = Journal(folder, durable_moved=lambda: None)
    one.rotate(snapshot)
    return one


def test_what_was_written_is_read_again_without_a_sync(tmp_path: Path):
    one = a_journal(tmp_path)
    records = [Acked(uuid4(), seq) for seq in range(100)]
    for record in records:
        one.append(record)
    one.write()
    assert journal.read(tmp_path) == [Complete(), *records]


def test_what_was_only_appended_is_not_there(tmp_path: Path):
    one = a_journal(tmp_path)
    one.append(Forgotten(uuid4()))
    assert journal.read(tmp_path) == [Complete()]


def test_written_records_become_durable(tmp_path: Path):
    one = a_journal(tmp_path)
    position = one.append(Forgotten(uuid4()))
    assert one.durable < position
    one.write()
    wait_until(lambda: one.durable >= position, every_s=0.001)
    one.close()


@pytest.mark.parametrize("torn_bytes", [1, 5, 20])
def test_a_torn_tail_ends_the_reading(tmp_path: Path, torn_bytes: int):
    one = a_journal(tmp_path)
    first, second = Acked(uuid4(), 1), Acked(uuid4(), 2)
    one.append(first)
    one.append(second)
    one.write()
    path = next(tmp_path.glob("*.journal"))
    path.write_bytes(path.read_bytes()[:-torn_bytes])
    assert journal.read(tmp_path) == [Complete(), first]


@pytest.mark.parametrize("zeros", [7, 8, 4096])
def test_zeros_that_a_power_cut_left_end_the_reading(tmp_path: Path, zeros: int):
    one = a_journal(tmp_path)
    first = Acked(uuid4(), 1)
    one.append(first)
    one.write()
    path = next(tmp_path.glob("*.journal"))
    path.write_bytes(path.read_bytes() + bytes(zeros))
    assert journal.read(tmp_path) == [Complete(), first]


def test_a_flipped_bit_ends_the_reading(tmp_path: Path):
    one = a_journal(tmp_path)
    one.append(Acked(uuid4(), 1))
    one.write()
    path = next(tmp_path.glob("*.journal"))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert journal.read(tmp_path) == [Complete()]


def test_a_new_segment_replaces_the_older_ones(tmp_path: Path):
    one = a_journal(tmp_path)
    kept, later = Acked(uuid4(), 7), Acked(uuid4(), 8)
    one.append(Acked(uuid4(), 1))
    one.rotate([kept])
    one.append(later)
    one.write()
    wait_until(lambda: len(list(tmp_path.glob("*.journal"))) == 1)
    assert journal.read(tmp_path) == [kept, Complete(), later]


def test_a_segment_that_was_not_finished_is_not_believed(tmp_path: Path):
    one = a_journal(tmp_path)
    kept = Acked(uuid4(), 1)
    one.append(kept)
    one.write()
    newer = tmp_path / "00000002.journal"
    newer.write_bytes(next(tmp_path.glob("*1.journal")).read_bytes()[:-2][:10])
    assert journal.read(tmp_path) == [Complete(), kept]


def test_records_about_forgotten_attempts_are_harmless():
    remains = restore([Forgotten(uuid4()), Acked(uuid4(), 3), Complete()])
    assert remains.attempts == {}
