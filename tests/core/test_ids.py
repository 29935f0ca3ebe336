"""Identifiers sort by time; tokens survive the way and cannot be mistyped."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.core import ids
from k8s4r.core.errors import Malformed
from k8s4r.core.ids import TokenKind, TokenParts

ENTROPY = st.binary(min_size=10, max_size=10)
MOMENTS = st.integers(0, 2**48 - 1)
ATTEMPT = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def a_token(kind: TokenKind = TokenKind.AGENT) -> str:
    return ids.make_token(kind, ids.key_id(b"0123456789"), ids.secret(bytes(range(32))))


def test_the_example_of_the_rfc_comes_out() -> None:
    """RFC 9562, appendix A.6."""
    entropy = (0xCC3 << 68 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert ids.uuid7(0x017F22E279B0, entropy) == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@given(MOMENTS, ENTROPY)
def test_an_id_is_a_version_7_uuid_that_carries_its_moment(moment: int, entropy: bytes) -> None:
    made = ids.uuid7(moment, entropy)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert ids.unix_ms(made) == moment


@given(MOMENTS, MOMENTS, ENTROPY, ENTROPY)
def test_later_ids_sort_after_earlier_ones(
    one: int, other: int, first: bytes, second: bytes
) -> None:
    if one != other:
        earlier, later = sorted([one, other])
        assert ids.uuid7(earlier, first) < ids.uuid7(later, second)
        assert str(ids.uuid7(earlier, first)) < str(ids.uuid7(later, second))


@given(ENTROPY, ENTROPY)
def test_ids_of_one_moment_differ_when_74_random_bits_differ(first: bytes, second: bytes) -> None:
    def used(entropy: bytes) -> tuple[int, int]:
        bits = int.from_bytes(entropy, "big")
        return bits >> 68, bits & (2**62 - 1)

    same = ids.uuid7(1, first) == ids.uuid7(1, second)
    assert same == (used(first) == used(second))


@given(st.sampled_from(TokenKind), ENTROPY, st.binary(min_size=32, max_size=32))
def test_a_token_comes_apart_into_what_it_was_made_of(
    kind: TokenKind, key: bytes, secret: bytes
) -> None:
    parts = TokenParts(kind, ids.key_id(key), ids.secret(secret))
    text = ids.make_token(parts.kind, parts.key_id, parts.secret)
    assert text.startswith(f"{kind}_")
    assert len(text) == 3 + 1 + 16 + 1 + 43 + 1 + 8
    assert ids.parse_token(text) == parts


@given(st.integers(0, 72), st.characters(codec="ascii", exclude_categories=["Cc"]))
def test_one_wrong_character_is_noticed_without_a_look_up(at: int, character: str) -> None:
    token = a_token()
    mistyped = token[:at] + character + token[at + 1 :]
    if mistyped != token:
        with pytest.raises(Malformed):
            ids.parse_token(mistyped)


@pytest.mark.parametrize(
    "text",
    ["", "agt", "agt___", a_token()[:-1], a_token() + "\n", " " + a_token(), "xyz" + a_token()[3:]],
)
def test_what_cannot_be_a_token_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        ids.parse_token(text)
    assert not text or text not in refusal.value.message


def test_a_token_taken_apart_hides_its_secret_in_logs() -> None:
    parts = ids.parse_token(a_token())
    assert parts.secret not in repr(parts)


def test_a_digest_depends_on_the_pepper_and_the_secret() -> None:
    digests = {ids.digest(pepper, secret) for pepper in (b"p", b"q") for secret in ("a", "b")}
    assert len(digests) == 4
    assert all(len(digest) == 32 for digest in digests)


def test_a_digest_is_hmac_sha_256() -> None:
    """RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert ids.digest(b"Jefe", "what do ya want for nothing?").hex() == expected


def test_an_attempt_always_has_the_same_secret_and_no_other_attempt_has_it() -> None:
    secrets = {
        ids.derive_attempt_secret(key, attempt, number)
        for key in (b"one", b"two")
        for attempt in (ATTEMPT, UUID(int=ATTEMPT.int + 1))
        for number in (1, 2)
    }
    assert len(secrets) == 8
    assert ids.derive_attempt_secret(b"one", ATTEMPT, 1) in secrets


def test_a_derived_secret_fits_into_a_token() -> None:
    secret = ids.derive_attempt_secret(b"key", ATTEMPT, 1)
    token = ids.make_token(TokenKind.ATTEMPT, "0123456789abcdef", secret)
    assert ids.parse_token(token).secret == secret


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [("a", "a", True), ("a", "b", False), ("a", "ab", False), ("é", "é", True), (b"a", "a", True)],
)
def test_secrets_are_compared_whatever_they_are_made_of(
    one: bytes | str, other: bytes | str, equal: bool
) -> None:
    assert ids.same(one, other) is equal


@given(MOMENTS, st.lists(st.tuples(st.integers(0, 4095), ENTROPY), unique_by=lambda it: it[0]))
def test_numbered_ids_of_one_moment_sort_by_their_number(
    moment: int, drawn: list[tuple[int, bytes]]
) -> None:
    made = [ids.uuid7(moment, ids.numbered(number, entropy)) for number, entropy in sorted(drawn)]
    assert made == sorted(made)
    assert len(set(made)) == len(drawn)


@pytest.mark.parametrize(
    ("text", "is_uuid"),
    [
        (str(ATTEMPT), True),
        (str(ATTEMPT).upper(), True),
        (ATTEMPT.hex, False),
        (f"{{{ATTEMPT}}}", False),
        (f"urn:uuid:{ATTEMPT}", False),
        (f"{ATTEMPT}\n", False),
        ("", False),
    ],
)
def test_only_the_usual_form_of_a_uuid_is_one(text: str, is_uuid: bool) -> None:
    assert ids.as_uuid(text) == (ATTEMPT if is_uuid else None)
