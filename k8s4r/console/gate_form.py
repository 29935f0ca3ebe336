"""What does a person fill in about a pool's pause, windows and sharing, as the API takes it?

The forms only rename: the API's own bodies say what is right, and where it is wrong.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.http import QueryDict

from k8s4r.access.models import Project
from k8s4r.core.errors import FieldProblem
from pools.core.windows import DAYS
from pools.models import Pool

# Rows for windows that are not there yet.
BLANK: Final = 2
MOST_WINDOWS: Final = 32
_WINDOW: Final = ("from", "to", "timezone", "note")
_MOST_ROWS: Final = MOST_WINDOWS + BLANK


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One row of the form; ``name`` is what its fields begin with."""

    name: str
    number: int
    window: Mapping[str, Any]
    days: Sequence[tuple[str, bool]]
    problems: Sequence[str] = field(default=())
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A project that may queue in the pool, or could; the pool's own always may."""

    project: Project
    is_own: bool
    is_shared: bool
    weight: str
    problem: str = ""


def pause(said: QueryDict) -> dict[str, Any]:
    """Return the fields of a pause; what belongs to one is nothing where there is none."""
    is_paused = said.get("paused") == "on"
    until = _moment(said.get("paused_until", ""))
    return {
        "paused": is_paused,
        "paused_reason": said.get("paused_reason", "").strip() if is_paused else "",
        "paused_until": until if is_paused else None,
    }


def windows(said: QueryDict) -> dict[str, Any]:
    """Return the windows, without those that are marked to go or left empty, and their override."""
    return {
        "windows": [window for _, window in _windows(said)],
        "open_until": _moment(said.get("open_until", "")),
    }


def sharing(said: QueryDict, projects: Iterable[Project], pool: Pool) -> dict[str, Any]:
    """Return with whom it is shared and who weighs how much, by project name.

    A weight that is left empty is the project's own; one that is no number stays as it was typed,
    for the API to refuse.
    """
    known = list(projects)
    weights = {one.name: said.get(f"weight-{one.pk}", "").strip() for one in known}
    chosen = set(said.getlist("shared_with"))
    return {
        "shared_with": [
            one.name for one in known if str(one.pk) in chosen and one.pk != pool.project_id
        ],
        "weights": {name: _number(text) for name, text in weights.items() if text},
    }


def window_rows(
    stored: Sequence[Mapping[str, Any]], problems: Iterable[FieldProblem] = ()
) -> list[WindowRow]:
    """Return the rows of the form: one for each window, and blank ones."""
    wrong = list(problems)
    blank: list[Mapping[str, Any]] = [{} for _ in range(min(BLANK, MOST_WINDOWS - len(stored)))]
    return [
        WindowRow(
            f"windows-{number}",
            number + 1,
            window,
            [(day, day in window.get("days", ())) for day in DAYS],
            [one.detail for one in wrong if one.pointer.startswith(f"/windows/{number}/")],
            is_new=not window,
        )
        for number, window in enumerate([*stored, *blank])
    ]


def share_rows(
    pool: Pool, projects: Iterable[Project], problems: Iterable[FieldProblem] = ()
) -> list[ShareRow]:
    """Return a row for each project that the person may see, the pool's own first."""
    wrong = {one.pointer.removeprefix("/weights/"): one.detail for one in problems}
    rows = [
        ShareRow(
            one,
            one.pk == pool.project_id,
            str(one.pk) in pool.shared_with,
            _text(pool.weights.get(str(one.pk), "")),
            wrong.get(one.name, ""),
        )
        for one in projects
    ]
    return sorted(rows, key=lambda row: not row.is_own)


def _windows(said: QueryDict) -> Iterator[tuple[int, dict[str, Any]]]:
    for number in range(_MOST_ROWS):
        name = f"windows-{number}"
        given = {part: said.get(f"{name}-{part}", "").strip() for part in _WINDOW}
        is_empty = not (given["from"] or given["to"])
        if is_empty or said.get(f"{name}-gone") == "on":
            continue
        days = [day for day in DAYS if day in said.getlist(f"{name}-days")]
        zone = given.pop("timezone") or "UTC"
        # A browser may send seconds along.
        clocks = {part: given.pop(part)[:5] for part in ("from", "to")}
        yield number, {**clocks, "days": days, "timezone": zone, **given}


def _moment(text: str) -> str | None:
    """Return a time of a form, which is UTC, as the API takes it; other text stays as it is."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def _text(weight: float | str) -> str:
    return weight if isinstance(weight, str) else f"{weight:g}"


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
