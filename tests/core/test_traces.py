"""A trace id is taken from a traceparent as W3C Trace Context says, and from nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.core import traces

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("flags", ["00", "01", "ff"])
def test_the_trace_is_the_second_field(flags):
    assert traces.trace_id(f"00-{TRACE}-{PARENT}-{flags}") == TRACE


def test_a_later_version_may_say_more():
    for more in ("", "-", "-what comes then"):
        assert traces.trace_id(f"01-{TRACE}-{PARENT}-01{more}") == TRACE


@pytest.mark.parametrize(
    "text",
    [
        "",
        TRACE,
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
        f"0\uff10-{TRACE}-{PARENT}-01",
    ],
)
def test_what_is_not_in_form_is_ignored(text):
    assert traces.trace_id(text) == ""


@given(st.text())
def test_whatever_comes_the_answer_is_an_id_or_nothing(text):
    assert traces.trace_id(text) in {"", text[3:35]}
