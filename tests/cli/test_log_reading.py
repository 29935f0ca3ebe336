"""How a log is read and shown: events, last lines, times."""

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.cli import logview, sse
from k8s4r.cli.logs import Chunk
from k8s4r.cli.logview import Stamper, View
from k8s4r.cli.sse import Event
from k8s4r.cli.terminal import Terminal

texts = st.text(alphabet="ab\n", max_size=60)


def chunks_of(text: str, cuts: list[int]) -> list[Chunk]:
    """Return the text in pieces, cut wherever."""
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [
        Chunk(1, "stdout", "2026-11-21T12:00:00Z", text[start:end].encode())
        for start, end in pairwise(places)
    ]


@given(texts, st.lists(st.integers(0, 100), max_size=8), st.integers(0, 12))
def test_the_last_lines_are_those_of_the_whole_text(text, cuts, count):
    chunks, _ = logview.last_lines(chunks_of(text, cuts), count)
    shown = b"".join(chunk.data for chunk in chunks).decode()
    lines = text.splitlines(keepends=True)
    assert shown == "".join(lines[len(lines) - min(count, len(lines)) :])


@given(texts, st.lists(st.integers(0, 100), max_size=8))
def test_every_line_is_stamped_once_however_it_was_cut(text, cuts):
    stamper = Stamper()
    stamped = b"".join(stamper.stamped(chunk) for chunk in chunks_of(text, cuts)).decode()
    mark = "2026-11-21T12:00:00Z "
    assert stamped == "".join(mark + line for line in text.splitlines(keepends=True))


def test_another_attempt_is_announced_on_stderr():
    err = io.StringIO()
    terminal = Terminal({}, out=io.StringIO(), err=err)
    view = View(terminal, lambda *_: None)
    for attempt in (1, 1, 2):
        view.show(Chunk(attempt, "stdout", "", b"x"))
    assert err.getvalue().splitlines() == ["attempt 2 begins"]


@given(texts, st.lists(st.integers(0, 100), max_size=8))
def test_lines_are_numbered_as_an_editor_would_however_they_were_cut(text, cuts):
    view = View(Terminal({}, out=io.StringIO(), err=io.StringIO()), lambda *_: None)
    for chunk in chunks_of(text, cuts):
        view.show(chunk)
    assert view.line == len(text.splitlines())


def test_each_stream_goes_on_with_a_line_of_its_own_and_an_attempt_begins_anew():
    view = View(Terminal({}, out=io.StringIO(), err=io.StringIO()), lambda *_: None)
    lines = []
    for attempt, stream, data in (
        (1, "stdout", b"a"), (1, "stderr", b"x\ny"), (1, "stdout", b"b\n"), (1, "stderr", b"\n"),
        (1, "stdout", b"c\n"), (2, "stdout", b"d"),
    ):  # fmt: skip
        view.show(Chunk(attempt, stream, "", data))
        lines.append(view.line)
    assert lines == [1, 3, 3, 3, 4, 1]


def test_a_log_that_its_page_cuts_has_no_numbers():
    view = View(Terminal({}, out=io.StringIO(), err=io.StringIO()), lambda *_: None)
    view.show(Chunk(1, "stdout", "", b"x\n" * 3_000_000))
    assert view.line == 0


@pytest.mark.parametrize(
    ("lines", "events"),
    [
        (["id: 1.2", "event: log", "data: {}", ""], [Event("1.2", "log", "{}")]),
        (["data: a", "data: b", ""], [Event("", "message", "a\nb")]),
        ([": still here", "", "retry: 1000", ""], []),
        (["id: 1.2", "event: log", "data: cut off"], []),
        (
            ["id: 7", "data: x", "", "data: y", ""],
            [Event("7", "message", "x"), Event("7", "message", "y")],
        ),
    ],
)
def test_events_are_read_as_the_standard_says(lines, events):
    assert list(sse.events(lines)) == events
