"""Which output files may be used again, and does nothing of one attempt reach the next?"""

import os
from pathlib import Path

import pytest

from agents.client.runner.blanks import KEPT, Blanks


@pytest.fixture
def blanks(tmp_path: Path) -> Blanks:
    return Blanks(str(tmp_path))


def used(blanks: Blanks, path: Path, content: bytes = b"") -> int:
    """Make a file, write to it, put it away; return which file it was."""
    fd = blanks.new(str(path))
    os.write(fd, content)
    os.close(fd)
    inode = path.stat().st_ino
    blanks.put(str(path))
    assert not path.exists()
    return inode


def kept(folder: Path) -> list[int]:
    return [path.stat().st_ino for path in folder.iterdir()]


def test_a_file_that_stayed_empty_is_used_again(blanks: Blanks, tmp_path: Path):
    first = used(blanks, tmp_path / "one.stdout")
    assert kept(tmp_path) == [first]
    assert used(blanks, tmp_path / "two.stdout") == first


def test_a_file_that_was_written_is_deleted(blanks: Blanks, tmp_path: Path):
    used(blanks, tmp_path / "one.stdout", b"x")
    assert kept(tmp_path) == []


def test_a_file_that_somebody_still_has_open_is_deleted(blanks: Blanks, tmp_path: Path):
    path = tmp_path / "one.stdout"
    holder = blanks.new(str(path))
    used(blanks, path)
    os.write(holder, b"late")
    os.close(holder)
    assert kept(tmp_path) == []


def test_a_file_that_has_another_name_or_mode_is_deleted(blanks: Blanks, tmp_path: Path):
    (tmp_path / "spool").mkdir()
    linked, opened_up = tmp_path / "spool/one.stdout", tmp_path / "spool/two.stdout"
    os.close(blanks.new(str(linked)))
    os.link(linked, tmp_path / "alias")
    os.close(blanks.new(str(opened_up)))
    opened_up.chmod(0o666)
    blanks.put(str(linked))
    blanks.put(str(opened_up))
    assert kept(tmp_path / "spool") == []
    assert [path.name for path in tmp_path.glob("blank-*")] == []


def test_a_link_in_the_place_of_a_file_is_deleted_and_not_followed(blanks: Blanks, tmp_path: Path):
    target, path = tmp_path / "target", tmp_path / "one.stdout"
    target.touch(mode=0o600)
    path.symlink_to(target)
    blanks.put(str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["target"]


def test_a_blank_that_is_gone_is_made_anew(blanks: Blanks, tmp_path: Path):
    used(blanks, tmp_path / "one.stdout")
    for path in tmp_path.iterdir():
        path.unlink()
    used(blanks, tmp_path / "two.stdout")
    assert len(kept(tmp_path)) == 1


def test_no_more_are_kept_than_are_needed_and_none_after_the_end(blanks: Blanks, tmp_path: Path):
    paths = [tmp_path / f"{number}.stdout" for number in range(KEPT + 5)]
    for path in paths:
        os.close(blanks.new(str(path)))
    for path in paths:
        blanks.put(str(path))
    assert len(kept(tmp_path)) == KEPT
    blanks.close()
    assert kept(tmp_path) == []
