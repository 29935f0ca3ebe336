"""The pure parts: ids, ages, endings, values, tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.cli import ages, endings, kinds, output, values
from k8s4r.cli.errors import Refused, Usage
from k8s4r.cli.kinds import TASK
from k8s4r.cli.output import Column, Context
from k8s4r.cli.terminal import clean

NOTHING = Context(None, {})
uuids = st.uuids().map(str)


@given(st.lists(uuids, min_size=1, max_size=30, unique=True))
def test_short_ids_tell_the_ids_of_a_list_apart(ids):
    short = output.short_ids(ids)
    for identity in ids:
        assert [other for other in ids if other.startswith(short[identity])] == [identity]


def test_ids_of_one_millisecond_are_shown_longer():
    one, other = (
        "01a1fe58-c578-7000-8503-ff93c4751a8e",
        "01a1fe58-c578-7001-8503-ff93c4751a8e",
    )
    assert output.short_ids([one]) == {one: "01a1fe58-c578"}
    assert output.short_ids([one, other])[other] == "01a1fe58-c578-7001"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59, "59s"), (61, "1m1s"), (600, "10m"), (3_660, "1h1m"), (40 * 3_600, "1d16h")],
)
def test_an_age_is_said_in_its_largest_units(seconds, words):
    assert ages.span(seconds) == words


def test_a_short_duration_is_said_to_the_millisecond():
    start, end = "2026-11-21T12:00:00Z", "2026-11-21T12:00:00.042Z"
    assert ages.between(start, end, None) == "42ms"


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ({"state": "completed", "exit_code": 0}, 0),
        ({"state": "failed", "exit_code": 3}, 3),
        ({"state": "failed", "exit_code": None, "signal": 9}, 137),
        ({"state": "failed", "exit_code": None, "reason": "agent_lost"}, 1),
        ({"state": "timed_out", "signal": 15}, 1),
        ({"state": "cancelled", "signal": 15}, 2),
    ],
)
def test_the_exit_code_is_that_of_the_task(task, code):
    assert endings.exit_code(task) == code


def test_an_ending_does_not_repeat_in_words_what_a_number_says():
    task = {"state": "failed", "exit_code": 3, "signal": None, "reason": "exit_code", "message": ""}
    assert endings.sentence(task) == "failed: exit code 3"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5_400), ("2d", 172_800)]
)
def test_a_duration_is_read(text, seconds):
    assert values.duration_s(text, flag="--timeout") == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "5 m", "m", "1.5h", "5x", "٣"])
def test_what_is_no_duration_is_refused_by_the_flags_name(text):
    with pytest.raises(Usage, match="--timeout"):
        values.duration_s(text, flag="--timeout")


def test_a_variable_without_a_value_comes_from_here():
    read = values.pairs(["A=1", "B", "C="], flag="--env", lacking={"B": "two"})
    assert read == {"A": "1", "B": "two", "C": ""}


def test_a_variable_that_is_nowhere_is_refused():
    with pytest.raises(Usage, match="'B'"):
        values.pairs(["B"], flag="--env", lacking={})


@pytest.mark.parametrize("word", ["task", "tasks", "t", "TASKS"])
def test_a_kind_has_several_words(word):
    assert kinds.kind(word) is TASK


@pytest.mark.parametrize(
    "words", [["tasks", "a", "b"], ["task/a", "task/b"], ["task/a", "b"], ["t", "task/a", "b"]]
)
def test_names_are_given_with_their_kind_or_after_it(words):
    assert kinds.split(words) == (TASK, ["a", "b"])


def test_two_kinds_in_one_command_are_refused():
    with pytest.raises(Usage, match="agent/b is not a task"):
        kinds.split(["task/a", "agent/b"])


@given(st.text(max_size=40))
def test_nothing_that_is_shown_steers_the_terminal(text):
    assert all(letter.isprintable() for letter in clean(text))


def test_a_long_cell_is_cut_in_a_table_and_whole_in_a_wide_one():
    columns = (Column("NAME", lambda row, _: row["name"], most=5), Column("X", lambda *_: "x"))
    rows = [{"name": "abcdefgh"}]
    narrow = output.table(columns, rows, NOTHING, wide=False).line(rows[0], NOTHING).plain
    wide = output.table(columns, rows, NOTHING, wide=True).line(rows[0], NOTHING).plain
    assert (narrow, wide) == ("abcd…  x", "abcdefgh  x")


def test_names_that_differ_at_their_end_are_cut_before_it():
    named = Column("POD", lambda row, _: row["name"], most=20, keeps_end=True)
    rows = [{"name": "k8s4r-terraform-24c97e325640"}]
    line = output.table((named,), rows, NOTHING, wide=False).line(rows[0], NOTHING).plain
    assert line == "k8s4r-t…24c97e325640"


def test_letters_of_double_width_keep_the_columns_straight():
    columns = (Column("NAME", lambda row, _: row["name"]), Column("X", lambda *_: "x"))
    rows = [{"name": "東京"}, {"name": "abcd"}]
    table = output.table(columns, rows, NOTHING, wide=False)
    assert [table.line(row, NOTHING).plain for row in rows] == ["東京  x", "abcd  x"]


def test_a_refusal_is_said_in_one_line_with_every_field():
    problem = {
        "detail": "some fields are not valid",
        "errors": [{"pointer": "/priority", "detail": "0 to 100"}],
        "request_id": "abc",
    }
    refused = Refused(422, problem)
    assert refused.message == "some fields are not valid; /priority: 0 to 100"
    assert (refused.exit_code, refused.request_id) == (2, "abc")
