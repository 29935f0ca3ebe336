"""What happened to a pool, an agent or a project, as lines that people read?"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.safestring import SafeString

from executors import history
from executors.api.history import CHANGES, named_projects
from executors.history import Entry, Place, Span
from executors.services import reverting
from k8s4r.access.pages import may, principal_of
from k8s4r.audit.models import AuditEvent
from k8s4r.console import moments
from k8s4r.core.ids import as_uuid
from k8s4r.core.roles import Permission
from k8s4r.pages import chip

MOST: Final = 200
# What a page with more on it shows of the past.
FEW: Final = 12
# An agent's page says what it did last night, however much that was.
NIGHT: Final = 60
CHOICES: Final[Mapping[str, str]] = {
    "2h": "last 2 hours",
    "today": "today",
    "yesterday": "since yesterday",
    "7d": "last 7 days",
    "": "everything",
}
_CHANGED: Final = "changed"


@dataclass(frozen=True, slots=True)
class Thing:
    """Of what the past is told."""

    kind: str
    id: UUID
    project_id: UUID


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``day`` where another day begins, ``event_id`` can be put back."""

    at: datetime
    day: str
    chip: SafeString
    word: str
    sentence: str
    task_id: UUID | None
    event_id: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a history asks for, and what is wrong with that, by parameter."""

    since: str
    until: str
    span: Span
    problems: Mapping[str, str]


def asked(query: QueryDict, *, now: datetime) -> Asked:
    """Read ``since``, ``until`` and ``behind`` of an address; what is wrong is left out."""
    span, problems = Span(limit=MOST + 1), dict[str, str]()
    readers: dict[str, Callable[[str], Any]] = {
        "since": lambda text: moments.moment(text, now=now),
        "until": lambda text: moments.moment(text, now=now),
        "behind": _place,
    }
    for name, read in readers.items():
        text = query.get(name, "").strip()
        try:
            span = replace(span, **{name: read(text)}) if text else span
        except ValueError as error:
            problems[name] = str(error)
    if span.since and span.until and span.until <= span.since:
        problems["until"] = "has to be later than since"
    return Asked(query.get("since", "").strip(), query.get("until", "").strip(), span, problems)


def entries(request: HttpRequest, thing: Thing, span: Span) -> list[Entry]:
    """Return what happened within the span, the newest first: what this person may know of it."""
    span = replace(span, projects=named_projects(principal_of(request)))
    if thing.kind == "agent":
        return history.of_agent(thing.id, span)
    if thing.kind == "project" and may(request, Permission.MEMBERS_READ, thing.id):
        return history.of_project_with_roles(thing.id, span)
    return history.of_object([thing.id], span)


def box(request: HttpRequest, thing: Thing, span: Span) -> dict[str, Any]:
    """Return what the part of a page about the past shows."""
    found = entries(request, thing, replace(span, limit=span.limit + 1))
    shown = lines(found[: span.limit], may_change(request, thing))
    return {
        "lines": shown,
        "more": len(found) > span.limit,
        "tally": tally(shown),
        "thing": thing,
        "revert_route": f"admin:{thing.kind}_revert",
    }


def may_change(request: HttpRequest, thing: Thing) -> bool:
    """May this person put settings of it back?"""
    return may(request, CHANGES[thing.kind], thing.project_id)


def lines(found: Iterable[Entry], can_revert: bool) -> list[Line]:
    """Return the entries as lines; a line is the first of its day when the one above is later."""
    shown, day = list[Line](), ""
    for entry in found:
        today = f"{entry.at:%A, %Y-%m-%d}"
        word = _word(entry)
        is_setting = entry.event is not None and bool(reverting.settings(entry.event))
        shown.append(
            Line(
                entry.at,
                "" if today == day else today,
                chip(word),
                word,
                entry.sentence,
                entry.facts.get("task_id"),
                entry.event.pk if entry.event and can_revert and is_setting else None,
            )
        )
        day = today
    return shown


def tally(shown: Iterable[Line]) -> str:
    """Return how much of what there is on these lines: ``3 succeeded, 1 failed, 2 online``."""
    counted = Counter(line.word for line in shown)
    return ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counted.most_common())


def place(entry: Entry) -> str:
    """Return by what an address goes on behind this entry."""
    return f"{entry.at.isoformat()}~{entry.source}~{entry.key}"


def _place(text: str) -> Place:
    at, source, key = [*text.split("~"), "", ""][:3]
    sources = {str(one) for one in range(history.CAME + 1)}
    is_event = source == str(history.EVENT)
    is_key = key.isascii() and key.isdigit() and len(key) < 19 if is_event else as_uuid(key)
    moment = datetime.fromisoformat(at) if source in sources and is_key else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("is no place on this line of time")
    return Place(moment, int(source), key)


def _word(entry: Entry) -> str:
    """Return in one word what it was; a state where it is one, which has its colour."""
    if entry.event is not None:
        return _of_event(entry.event)
    words = {history.BEGUN: "assigned", history.CAME: "online", history.GONE: "offline"}
    return words.get(entry.source) or str(entry.facts["state"])


def _of_event(event: AuditEvent) -> str:
    changes: Mapping[str, Any] = event.detail.get("changes") or {}
    wish = changes.get("desired")
    if wish and event.from_state:
        return str(wish[1])
    is_move = event.from_state != event.to_state and event.object_type != "role"
    return event.to_state if is_move else _CHANGED
