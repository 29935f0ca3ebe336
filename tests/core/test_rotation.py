"""Rotation of an agent's token: it is never without one, and never keeps an old one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.core.rotation import (
    TokenFacts,
    dead_by_use,
    is_good,
    must_mint,
    replaced_by_minting,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)

OLD = TokenFacts("old", used_at=NOW, rotating=True)
NEW = TokenFacts("new", supersedes="old")


@pytest.mark.parametrize(
    ("token", "good"),
    [
        (TokenFacts("a"), True),
        (TokenFacts("a", expires_at=LATER), True),
        (TokenFacts("a", expires_at=NOW), False),
        (TokenFacts("a", revoked_at=LATER), False),
    ],
)
def test_a_token_is_good_until_it_expires_or_is_revoked(token: TokenFacts, good: bool) -> None:
    assert is_good(token, NOW) is good


def test_a_flagged_token_mints_until_it_dies() -> None:
    assert must_mint(OLD, NOW)
    assert not must_mint(replace(OLD, rotating=False), NOW)
    assert not must_mint(replace(OLD, revoked_at=NOW), NOW)


def test_minting_replaces_only_a_successor_that_nobody_used() -> None:
    used = replace(NEW, key_id="used", used_at=NOW)
    gone = replace(NEW, key_id="gone", revoked_at=NOW)
    assert replaced_by_minting(OLD, [OLD, NEW, used, gone]) == {"new"}


def test_the_old_token_dies_when_the_new_one_is_used() -> None:
    assert dead_by_use(NEW, [OLD, NEW]) == {"old"}


def test_what_is_revoked_already_does_not_die_twice() -> None:
    assert dead_by_use(NEW, [replace(OLD, revoked_at=NOW), NEW]) == frozenset()


def test_the_old_token_lives_as_long_as_the_new_one_is_not_used() -> None:
    assert dead_by_use(OLD, [OLD, NEW]) == frozenset()


def test_siblings_and_older_ancestors_die_as_well() -> None:
    eldest = TokenFacts("eldest")
    old = replace(OLD, supersedes="eldest")
    sibling = TokenFacts("sibling", supersedes="old")
    assert dead_by_use(NEW, [eldest, old, sibling, NEW]) == {"eldest", "old", "sibling"}


def test_a_circle_of_successors_does_not_go_on_for_ever() -> None:
    one, other = TokenFacts("one", supersedes="other"), TokenFacts("other", supersedes="one")
    assert dead_by_use(one, [one, other]) == {"other"}


@given(st.lists(st.sampled_from(["heartbeat", "answer_lost", "rotate"]), max_size=30))
def test_an_agent_always_has_a_good_token_whatever_gets_lost(happenings: list[str]) -> None:
    """Play rotation against an agent that misses some answers."""
    tokens = {"k0": TokenFacts("k0")}
    held = "k0"
    for count, happening in enumerate(happenings, start=1):
        if happening == "rotate":
            tokens[held] = replace(tokens[held], rotating=True)
            continue
        tokens[held] = replace(tokens[held], used_at=NOW)
        for key_id in dead_by_use(tokens[held], tokens.values()):
            tokens[key_id] = replace(tokens[key_id], revoked_at=NOW)
        if must_mint(tokens[held], NOW):
            for key_id in replaced_by_minting(tokens[held], tokens.values()):
                tokens[key_id] = replace(tokens[key_id], revoked_at=NOW)
            tokens[f"k{count}"] = TokenFacts(f"k{count}", supersedes=held)
            held = f"k{count}" if happening == "heartbeat" else held
        assert is_good(tokens[held], NOW)
        assert sum(is_good(token, NOW) for token in tokens.values()) <= 2
