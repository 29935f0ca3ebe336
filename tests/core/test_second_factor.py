"""Codes of RFC 6238: when one is good, when it is used up, and how long guessers wait."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.core import second_factor
from k8s4r.core.roles import Role
from k8s4r.core.second_factor import Code, Policy, RecoveryCode

SECRET = b"12345678901234567890"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = second_factor.step_of(NOON)


def accepted(step, *, now=NOON, last_step=0):
    code = Code(second_factor.code_at(SECRET, step))
    return second_factor.accepted_step(SECRET, code, now=now, last_step=last_step)


@pytest.mark.parametrize(
    ("moment_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_appendix_of_the_rfc(moment_s, code):
    step = second_factor.step_of(datetime.fromtimestamp(moment_s, UTC))
    assert second_factor.code_at(SECRET, step) == code


@pytest.mark.parametrize("away", [-1, 0, 1])
def test_a_code_of_this_step_or_of_its_neighbours_is_good(away):
    assert accepted(NOW + away) == NOW + away


@pytest.mark.parametrize("away", [-3, -2, 2, 3])
def test_a_code_from_further_away_is_not(away):
    assert accepted(NOW + away) is None


@pytest.mark.parametrize("last_step", [NOW, NOW + 1])
def test_a_code_that_was_taken_and_those_before_it_are_used_up(last_step):
    assert accepted(NOW, last_step=last_step) is None
    assert accepted(NOW - 1, last_step=last_step) is None


def test_the_next_code_is_good_after_one_that_was_taken():
    assert accepted(NOW + 1, last_step=NOW) == NOW + 1


@given(st.integers(0, 60), st.integers(-2, 2))
def test_no_step_is_taken_twice(seconds, away):
    now = NOON + timedelta(seconds=seconds)
    step = accepted(NOW + away, now=now)
    assert step is None or accepted(step, now=now, last_step=step) is None


@pytest.mark.parametrize("text", ["123456", "123 456", " 123-456\n", "1 2 3 4 5 6"])
def test_six_digits_are_read_however_people_group_them(text):
    assert second_factor.read(text) == Code("123456")


def test_a_recovery_code_is_read_with_and_without_its_dashes_and_in_capitals():
    code = second_factor.recovery_code(b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\xff")
    bare = RecoveryCode(code.replace("-", ""))
    for text in (code, code.upper(), code.replace("-", " "), f"  {bare.text}"):
        assert second_factor.read(text) == bare


@pytest.mark.parametrize(
    "text",
    ["", " ", "12345", "1234567", "9" * 5_000, "-" * 5_000 + "123456",
     "\u0661\u0662\u0663\u0664\u0665\u0666",
     "\uff11\uff12\uff13\uff14\uff15\uff16", "\u00b9\u00b2\u00b3456", "12345\x00", "\x00123456",
     "123456\u00a0", "12345\ud800", "1e5000", "+12345", "0x1234", "a" * 15, "0" * 16,
     "\u212a" + "a" * 15],
    ids=lambda text: ascii(text)[:24],
)  # fmt: skip
def test_what_can_be_no_code_is_none(text):
    assert second_factor.read(text) is None


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    assert isinstance(second_factor.read(text), Code | RecoveryCode | None)


def test_the_first_bad_codes_cost_nothing_and_each_further_one_doubles_the_wait():
    waits = [second_factor.wait_after(count).total_seconds() for count in range(14)]
    assert waits == [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert second_factor.wait_after(10**9) == second_factor.LONGEST_WAIT


@pytest.mark.parametrize(
    ("policy", "superuser", "roles", "required"),
    [
        (Policy.OFF, True, {Role.SECURITY_ADMIN}, False),
        (Policy.OFFERED, True, {Role.SECURITY_ADMIN}, False),
        (Policy.REQUIRED_FOR_ADMINS, False, {Role.OPERATOR, Role.APPROVER, Role.AUDITOR}, False),
        (Policy.REQUIRED_FOR_ADMINS, True, set(), True),
        (Policy.REQUIRED_FOR_ADMINS, False, {Role.VIEWER, Role.SECURITY_ADMIN}, True),
        (Policy.REQUIRED_FOR_ADMINS, False, {Role.FLEET_ADMIN}, True),
        (Policy.REQUIRED, False, set(), True),
    ],
)
def test_who_has_to_have_one(policy, superuser, roles, required):
    asked = second_factor.is_required(policy, is_superuser=superuser, roles=roles)
    assert asked is required


def test_what_a_phone_scans_says_whose_secret_it_is():
    uri = second_factor.provisioning_uri(SECRET, user="ann@x y", issuer="k8s4r on 127.0.0.1:8420")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/k8s4r on 127.0.0.1:8420:ann@x y"
    told = parse_qs(parts.query)
    assert told["secret"] == [second_factor.secret_text(SECRET)]
    assert "+" not in uri
