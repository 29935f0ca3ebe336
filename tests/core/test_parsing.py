"""Strict JSON: what is let through means the same to everybody, what is not is refused by rule."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.api.parsing import Limits, strict_loads
from k8s4r.core.errors import Malformed, TooLarge

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
bodies = st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4)


@given(bodies, st.booleans())
def test_what_a_careful_client_writes_is_read_as_it_was_meant(body, ascii_only):
    written = json.dumps(body, ensure_ascii=ascii_only).encode()
    assert strict_loads(written) == body


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused_and_never_crash(body):
    try:
        value = strict_loads(body)
    except (Malformed, TooLarge):
        return
    assert value == json.loads(body)


@given(st.text('[]{}":,\\u0dce19.-tfn ', max_size=60))
def test_nearly_json_is_read_or_refused_and_never_crashes(text):
    try:
        value = strict_loads(text.encode())
    except (Malformed, TooLarge):
        return
    assert isinstance(value, dict | list)


@pytest.mark.parametrize(("depth", "fits"), [(32, True), (33, False)])
def test_thirty_two_levels_are_read(depth, fits):
    body = b"[" * depth + b"]" * depth
    if fits:
        assert strict_loads(body)
        return
    with pytest.raises(Malformed) as refused:
        strict_loads(body)
    assert refused.value.errors[0].rule == "depth"


@pytest.mark.parametrize(("count", "fits"), [(9, True), (10, False)])
def test_every_value_counts_as_one(count, fits):
    body = json.dumps([0] * count).encode()
    if fits:
        assert strict_loads(body, limits=Limits(nodes=10)) == [0] * count
        return
    with pytest.raises(TooLarge):
        strict_loads(body, limits=Limits(nodes=10))


@pytest.mark.parametrize("number", ["9223372036854775807", "-9223372036854775807", "1e308"])
def test_numbers_that_a_column_holds_are_read(number):
    assert strict_loads(f"[{number}]".encode()) == [json.loads(number)]


def test_an_escape_that_is_only_written_about_is_text():
    assert strict_loads(rb'["\\u0000 \\ud800"]') == [r"\u0000 \ud800"]
    assert strict_loads(rb'["\ud83d\ude00"]') == ["\U0001f600"]
