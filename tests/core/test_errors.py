"""Refusals: their codes, statuses and the fields they name."""

import pickle

import pytest

from agents.core import sessions
from k8s4r.core import errors
from k8s4r.core.errors import DomainError, FieldProblem, pointer

RULES = {errors.__name__, sessions.__name__}


def every_refusal() -> list[type[DomainError]]:
    """Return those of the rules; interfaces add their own."""
    found: list[type[DomainError]] = []
    todo = list(DomainError.__subclasses__())
    while todo:
        one = todo.pop()
        todo.extend(one.__subclasses__())
        if not one.__name__.startswith("_") and one.__module__ in RULES:
            found.append(one)
    return found


def test_the_codes_and_statuses_are_the_stable_api() -> None:
    assert {(one.code, one.status) for one in every_refusal()} == {
        ("malformed", 400),
        ("unauthenticated", 401),
        ("forbidden", 403),
        ("second_factor_needed", 403),
        ("not_found", 404),
        ("conflict", 409),
        ("cursor_expired", 410),
        ("precondition_failed", 412),
        ("superseded", 409),
        ("session_superseded", 409),
        ("slots_differ", 422),
        ("illegal_transition", 409),
        ("needs_resolution", 409),
        ("idempotency_mismatch", 422),
        ("still_running", 409),
        ("secret_shown_once", 409),
        ("invalid", 422),
        ("too_large", 413),
        ("too_many", 429),
        ("unavailable", 503),
    }


def test_no_two_refusals_share_a_code() -> None:
    codes = [one.code for one in every_refusal()]
    assert len(codes) == len(set(codes))


def test_a_refusal_carries_its_message_its_fields_and_its_facts() -> None:
    problem = FieldProblem("/spec/argv", "min_length", "name a command")
    refusal = errors.Invalid("task 3 is not valid", errors=[problem], index=3)
    assert str(refusal) == refusal.message == "task 3 is not valid"
    assert refusal.errors == (problem,)
    assert refusal.facts == {"index": 3}


@pytest.mark.parametrize("kind", [errors.Superseded, errors.IllegalTransition])
def test_whoever_handles_conflicts_handles_the_special_ones(kind: type[DomainError]) -> None:
    with pytest.raises(errors.Conflict):
        raise kind("no")


def test_what_may_be_tried_again_says_when() -> None:
    refusal = errors.TooMany("slow down", retry_after_s=7, limit=100)
    assert (refusal.retry_after_s, refusal.facts) == (7, {"limit": 100})
    assert errors.Unavailable("the database is away").retry_after_s > 0


def test_a_refusal_survives_the_way_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(errors.TooMany("slow down", retry_after_s=7, limit=100)))
    assert (copy.message, copy.retry_after_s, copy.facts) == ("slow down", 7, {"limit": 100})


def test_a_json_pointer_escapes_what_rfc_6901_says() -> None:
    assert pointer("labels", "k8s4r.io/zone~1", 0) == "/labels/k8s4r.io~1zone~01/0"
    assert pointer() == ""
