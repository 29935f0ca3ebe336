"""What changed since the last look, and what of it is told to whom?

The history (`audit_event`) has an event for each change, but a low id may be committed after a
higher one. So each look reads again what is not closed yet (`k8s4r.audit.closing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from executors.gateway.watch_kinds import KINDS, Kind, query_of
from k8s4r import clock, database
from k8s4r.access.principals import Principal, refusal
from k8s4r.api import authentication
from k8s4r.audit import closing
from k8s4r.audit.closing import Mark
from k8s4r.core.errors import (
    CursorExpired,
    DomainError,
    FieldProblem,
    Invalid,
    Unauthenticated,
)

# What is told at once when a watch begins; more are better listed.
MOST_AT_FIRST: Final = 1_000
# Who was away for longer lists again.
MOST_MISSED: Final = 10_000
_MOST_READ: Final = 50_000
# No transaction of ours lasts longer: statements end after 15 s, idle ones after 30 s.
_LONGEST_TRANSACTION: Final = timedelta(seconds=60)

_CLOSED_BY_AGE: Final = "SELECT id FROM audit_event WHERE at < %s ORDER BY id DESC LIMIT 1"
_OLDEST: Final = "SELECT id FROM audit_event ORDER BY id LIMIT 1"
# Whom a pool was shared with until then: they are told that it is gone from them.
_EVENTS: Final = """
SELECT id, object_type, object_id, from_state = '', detail #>> '{changes,shared_with,0}'
FROM audit_event WHERE id > %s AND object_type = ANY(%s) ORDER BY id LIMIT %s
"""


class Change(NamedTuple):
    """An event of a thing that changed; ``new``: it came to be.

    ``shared_with``: ids of projects, as JSON, that saw it before this and may not any more.
    """

    id: int
    object_type: str
    object_id: UUID
    new: bool
    shared_with: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What became of one thing: is it new to who saw everything before, and who lost sight of it?

    ``lost_by`` are ids of projects.
    """

    new: bool = False
    lost_by: frozenset[str] = frozenset()

    def __or__(self, later: "News") -> "News":
        return News(self.new or later.new, self.lost_by | later.lost_by)


@dataclass(slots=True)
class Horizon:
    """How far the history has been read: everything up to ``closed``, and ``seen`` beyond it."""

    closed: int = -1
    seen: set[int] = field(default_factory=set)
    marks: list[Mark] = field(default_factory=list)


def look(horizon: Horizon) -> list[Change]:
    """Return what was committed since the last look, and move the horizon."""
    types = [word for kind in KINDS.values() for word in kind.object_types]
    first = horizon.closed < 0
    if first:
        horizon.closed = _closed_by_age(clock.now())
    # What is closed by now is read once more below: it may have been committed since the last look.
    closed = _closed(horizon)
    rows = [Change(*row) for row in database.rows(_EVENTS, [horizon.closed, types, _MOST_READ])]
    news = [change for change in rows if change.id not in horizon.seen]
    horizon.closed = closed if len(rows) < _MOST_READ else min(closed, rows[-1].id)
    horizon.seen = {change.id for change in rows if change.id > horizon.closed}
    _mark(horizon)
    return [] if first else news


def missed(kind: Kind, since: int) -> list[Change]:
    """Return what of a kind changed after a closed place in the history.

    Raises:
        CursorExpired: that place is too far back, or no longer kept.
    """
    oldest = database.rows(_OLDEST)
    if oldest and since < oldest[0][0] - 1:
        raise CursorExpired("the history no longer reaches back to this cursor: list again")
    rows = database.rows(_EVENTS, [since, [*kind.object_types], MOST_MISSED + 1])
    if len(rows) > MOST_MISSED:
        raise CursorExpired("too much has changed since this cursor: list again")
    return [Change(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Question:
    """Who watches what, and of which things they are to be told: with ``None``, all there are."""

    token: str
    path: str
    query: str
    changed: Mapping[UUID, News] | None = None
    since: int | None = None


class Told(NamedTuple):
    """One thing to tell: ``added``, ``modified`` or ``deleted``."""

    event: str
    content: Mapping[str, Any]


def tell(questions: Sequence[Question]) -> list[list[Told] | DomainError]:
    """Answer each question with what its asker may see."""
    principals = authentication.authenticate_many([one.token for one in questions], now=clock.now())
    answers: list[list[Told] | DomainError] = []
    for question, principal in zip(questions, principals, strict=True):
        try:
            answers.append(_told(question, principal))
        except DomainError as error:
            answers.append(error)
    return answers


def _told(question: Question, principal: Principal | None) -> list[Told]:
    kind = KINDS[question.path]
    if principal is None:
        raise Unauthenticated("this token is not valid")
    if not principal.rights.anywhere(kind.needs):
        raise refusal(kind.needs)
    matching = kind.matching(query_of(question.query), principal).order_by("id")
    changed = question.changed
    if question.since is not None:
        changed = newest(kind, missed(kind, question.since))
    if changed is None:
        shown = kind.shown(matching[: MOST_AT_FIRST + 1])
        if len(shown) > MOST_AT_FIRST:
            raise _too_many()
        return [Told("added", content) for content in shown]
    if not changed:
        return []
    shown = kind.shown(matching.filter(pk__in=changed))
    told = [Told("added" if changed[one["id"]].new else "modified", one) for one in shown]
    others = changed.keys() - {one["id"] for one in shown}
    gone = kind.seen(principal).filter(pk__in=others).values_list("pk", flat=True)
    lost = {identity for identity in others if _is_lost(changed[identity], kind, principal)}
    return told + [Told("deleted", {"id": identity}) for identity in sorted({*gone} | lost)]


def _is_lost(news: News, kind: Kind, principal: Principal) -> bool:
    """Did the caller see this thing until it was no longer shared with their project?"""
    seen = principal.projects(kind.needs)
    return bool(seen) and not news.lost_by.isdisjoint(map(str, seen or ()))


def newest(kind: Kind, changes: Sequence[Change]) -> dict[UUID, News]:
    """Return what became of each thing of a kind that changed."""
    found: dict[UUID, News] = {}
    for change in changes:
        if change.object_type in kind.object_types:
            found[change.object_id] = found.get(change.object_id, News()) | _news(kind, change)
    return found


def _news(kind: Kind, change: Change) -> News:
    new = change.new and change.object_type == kind.object_type
    return News(new, frozenset(database.parsed(change.shared_with) or ()))


def _too_many() -> Invalid:
    detail = f"more than {MOST_AT_FIRST} match: narrow the filter, or list and use since=now"
    return Invalid(detail, errors=[FieldProblem("?watch", "bounds", detail)])


def _closed_by_age(now: datetime) -> int:
    found = database.rows(_CLOSED_BY_AGE, [now - _LONGEST_TRANSACTION])
    return int(found[0][0]) if found else 0


def _closed(horizon: Horizon) -> int:
    """Return up to where the history is complete now; marks that told so are spent."""
    oldest_running = closing.oldest_running()
    closed = horizon.closed
    while horizon.marks and horizon.marks[0].is_over(oldest_running):
        closed = max(closed, horizon.marks.pop(0).last_id)
    return closed


def _mark(horizon: Horizon) -> None:
    """Remember what has been given out by now; while nothing new was, looks write nothing."""
    marked = horizon.marks[-1].last_id if horizon.marks else horizon.closed
    if closing.given_out() > marked:
        horizon.marks.append(closing.mark())
