"""Patterns: the same answers as Python's, in a time that no pattern and no text can blow up."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executors.core.pattern_syntax import PatternProblem
from executors.core.patterns import compile_pattern

PIECES = [
    *"abc1-.*+?|()^$",
    *("[ab]", "[^a]", "[a-c1]", "[]a-]", "[^-\\d]", "{2}", "{1,2}", "{1,}", "(?:"),
    *("\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\.", "\\t"),
]
PATTERNS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join)
TEXTS = st.text("abc1-. \t\n", max_size=8)


def is_found(pattern: str, text: str) -> bool:
    return compile_pattern(pattern).is_found_in(text)


@given(PATTERNS, TEXTS)
@example("^$", "")
@example("(a|b)*c$", "abab")
@example("(?:)*", "")
@example("a{2}b{1,}", "aabb")
@example("^a{1,2}$", "aaa")
@example("^a{2}$", "a")
@example("$^", "")
def test_a_pattern_finds_what_python_finds(pattern: str, text: str) -> None:
    try:
        found = is_found(pattern, text)
    except PatternProblem:
        return
    # In Python "$" also matches before a last newline; here only at the very end.
    python = re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern), re.ASCII)
    assert found == (python.search(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("", "anything", True),
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^a.c$", "abc", True),
        ("^gpu-(a100|h100)-[0-9]{1,3}$", "gpu-h100-12", True),
        ("^gpu-(a100|h100)-[0-9]{1,3}$", "gpu-v100-12", False),
        ("(?i)epyc", "AMD EPYC", True),
        ("(?i)[^a]", "A", False),
        ("a+?b", "aab", True),
        ("größe", "die größe", True),
        ("[\\]\\-x]", "-", True),
        ("\\(\\)", "f()", True),
        ("a{0}b", "b", True),
    ],
)
def test_a_pattern_in_daily_use(pattern: str, text: str, found: bool) -> None:
    assert is_found(pattern, text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a", "a)", "[a", "[z-a]", "*a", "a**", "a{2}{3}", "^*", "\\", "a{", "{2}", "+"),
        *("(?=a)", "(?!a)", "(?<=a)", "(?P<n>a)", "(a)\\1", "\\b", "\\A", "a(?i)b"),
        *("a{3,2}", "a{x}", "a{1000}", "(((a{99}){99}){99}){99}", "(a{0,99}b){99}", "[^"),
    ],
)
def test_a_pattern_that_cannot_be_had_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(PatternProblem) as refusal:
        compile_pattern(pattern)
    assert str(refusal.value)


@pytest.mark.parametrize(
    "pattern",
    ["(a*)*b", "((a+))+b", "(a|a)*b", "(a|aa)+b", "a*a*a*a*a*a*b", "(.*.*.*)*b", "(a?){50}a{50}b"],
)
def test_patterns_that_hang_a_backtracking_engine_just_answer(pattern: str) -> None:
    """Each of these takes Python's own engine from minutes to centuries on this text."""
    assert not is_found(pattern, "a" * 1000)


def test_deep_nesting_is_read_without_running_out_of_stack() -> None:
    assert is_found("(" * 99 + "a" + ")" * 99, "a")


def test_a_pattern_answers_the_same_however_often_it_is_asked() -> None:
    pattern = compile_pattern("^(ab|cd)+$")
    texts = ["ab", "abcd", "abc", "", "cdab"]
    first = [pattern.is_found_in(text) for text in texts]
    assert first == [True, True, False, False, True]
    assert [pattern.is_found_in(text) for text in texts] == first
