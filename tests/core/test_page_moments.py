"""The moments that the address of a history may name, and what is none."""

from datetime import UTC, datetime, timedelta

import pytest

from k8s4r.console.moments import moment

NOW = datetime(2026, 11, 26, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("90m", NOW - timedelta(minutes=90)),
        (" 3D ", NOW - timedelta(days=3)),
        ("1w", NOW - timedelta(days=7)),
        ("today", datetime(2026, 11, 26, tzinfo=UTC)),
        ("Yesterday", datetime(2026, 11, 25, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T03:00", datetime(2026, 11, 20, 3, tzinfo=UTC)),
        ("2026-11-20T03:00+02:00", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("2026-11-20T03:00:00Z", datetime(2026, 11, 20, 3, tzinfo=UTC)),
    ],
)
def test_a_moment_is_meant_as_it_is_said(text, meant):
    assert moment(text, now=NOW) == meant


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-2h", "2", "h", "9999999h", "999999w", "2026-13-01", "1h30", "٣h",
     "0001-01-01T00:00+14:00", "2026-11-26T25:00", "x" * 500],
)  # fmt: skip
def test_what_is_none_is_refused_with_what_would_be_one(text):
    with pytest.raises(ValueError, match="is no moment; write 2h, 3d, today"):
        moment(text, now=NOW)
