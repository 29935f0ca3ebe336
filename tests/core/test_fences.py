"""The tokens of attempts: repeatable, bound to one attempt and one key."""

from uuid import UUID

from executors.core.fences import Fence
from k8s4r.core import ids

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_the_same_attempt_gets_the_same_token_again():
    assert Fence("key").token(ONE, 1) == Fence("key").token(ONE, 1)


def test_a_token_is_good_for_its_attempt_number_and_key_only():
    fence = Fence("key")
    token = fence.token(ONE, 1)
    assert fence.admits(token, ONE, 1)
    assert not fence.admits(token, OTHER, 1)
    assert not fence.admits(token, ONE, 2)
    assert not Fence("another key").admits(token, ONE, 1)


def test_text_that_is_no_token_is_not_admitted():
    assert not Fence("key").admits("tökén", ONE, 1)


def test_a_token_has_the_form_of_all_tokens():
    parts = ids.parse_token(Fence("key").token(ONE, 1))
    assert parts.kind is ids.TokenKind.ATTEMPT
