"""Every chore has a test of its command and one of its page, and the document names them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "chores.md").read_text()
CHORES = set(range(1, 13))
_TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`")


def rows(section: str) -> dict[int, list[str]]:
    """Return the cells of a section's table by the number of the chore."""
    lines = [line for line in section.splitlines() if re.match(r"\| \d+ \|", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {int(number): rest for number, *rest in cells}


STEPS, _, TESTS = DOCUMENT.partition("## How each is tested")


def test_every_chore_is_told_and_tested():
    assert set(rows(STEPS)) == CHORES
    assert set(rows(TESTS)) == CHORES


@pytest.mark.parametrize("number", sorted(CHORES))
def test_the_tests_that_are_named_are_there(number):
    command, page = rows(TESTS)[number]
    for cell in (command, page):
        assert _TEST.findall(cell), cell
        for path, name in _TEST.findall(cell):
            assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
    ((path, name),) = _TEST.findall(page)
    assert (path, name.split("_")[1]) == ("tests/pages/test_chores.py", str(number))


@pytest.mark.parametrize("number", sorted(CHORES))
def test_the_steps_that_are_told_are_those_that_the_test_counts(number):
    """The sum of what the blocks of the test count is the sum of what the table says."""
    text = (ROOT / "tests/pages/test_chores.py").read_text()
    ((_, name),) = _TEST.findall(rows(TESTS)[number][1])
    body = text.partition(f"\ndef {name}(")[2].partition("\n\n\n")[0]
    counted = [int(steps) for steps in re.findall(r"counted\([^)]*?(\d+)\)", body)]
    told = [int(steps) for steps in re.findall(r"\d+", rows(STEPS)[number][-1])]
    assert counted == told
    assert counted
