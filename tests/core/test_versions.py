"""Versions: the order of Semantic Versioning, and ranges of them."""

import itertools

import pytest

from executors.core.versions import is_range, satisfies

# Semantic Versioning 2.0.0, section 11.4, with a few more around.
ASCENDING = [
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2",
    "1.10",
    "2",
    "10.0",
]


def test_versions_are_ordered_as_the_specification_says() -> None:
    for (low, older), (high, newer) in itertools.product(enumerate(ASCENDING), repeat=2):
        assert satisfies(older, f"< {newer}") is (low < high)
        assert satisfies(older, f">= {newer}") is (low >= high)
        assert satisfies(older, f"= {newer}") is (low == high)


@pytest.mark.parametrize(
    ("version", "wanted", "ok"),
    [
        ("1.2", "1.2.0", True),
        ("v1.2.3", "1.2.3", True),
        ("1.2.3+build.5", "1.2.3", True),
        ("1.2.3", "!= 1.2.3", False),
        ("1.9.8", ">= 1.2, < 2", True),
        ("2.0", ">= 1.2, < 2", False),
        ("1.9", "~> 1.2", True),
        ("2.0", "~> 1.2", False),
        ("1.2.9", "~> 1.2.3", True),
        ("1.3.0", "~> 1.2.3", False),
        ("1.2.2", "~> 1.2.3", False),
        ("1", "~> 1.0.0", True),
        ("1.2.3", ">1.2,<=1.2.3", True),
    ],
)
def test_a_range_is_every_clause_together(version: str, wanted: str, ok: bool) -> None:
    assert satisfies(version, wanted) is ok


@pytest.mark.parametrize("version", ["", "new", "1.", ".1", "1.x", "1,2", "1 2", "-1", "1.2.3-"])
def test_what_is_no_version_satisfies_nothing(version: str) -> None:
    assert not satisfies(version, "!= 5")
    assert not satisfies(version, ">= 0")


@pytest.mark.parametrize("text", ["1", "v1.2", ">= 1.2, < 2", "~> 1", "!=1.0-rc.1"])
def test_a_range_can_be_read(text: str) -> None:
    assert is_range(text)


@pytest.mark.parametrize("text", ["", ",", "1,", "=> 1", ">= ", "1 2", ">= 1 < 2", "latest"])
def test_a_range_that_cannot_be_read_is_noticed(text: str) -> None:
    assert not is_range(text)
    assert not satisfies("1.2", text)
