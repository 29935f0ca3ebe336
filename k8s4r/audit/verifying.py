"""Is the history what it was when it was sealed? Asked seal by seal, from the first on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from k8s4r import database
from k8s4r.audit import seals
from k8s4r.audit.models import AuditSeal

# One call looks at so many at most: it answers within seconds, and the caller goes on from there.
MOST_SEALS: Final = 500
MOST_EVENTS: Final = 100_000

_DROPPED: Final = "SELECT month FROM audit_dropped_month"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first seal that does not hold, and why."""

    seal: AuditSeal
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at.

    Attributes:
        last: the last seal that holds; None when there is none yet.
        events: how many events were read and hashed again.
        dropped: seals whose events retention took; their place in the chain holds.
        more: there are seals behind the last one.
    """

    last: AuditSeal | None
    seals: int
    events: int
    dropped: int
    more: bool
    broken: Broken | None = None


def is_in_chain(number: int, digest: bytes) -> bool:
    """Is there a seal of this number with this hash? Asked of a head that was noted elsewhere."""
    found = AuditSeal.objects.filter(number=number).first()
    return found is not None and bytes(found.hash) == digest


def verify(*, after: int = 0) -> Verified:
    """Check the seals that follow number ``after``, as many as one call may."""
    last = AuditSeal.objects.filter(number=after).first()
    months = frozenset(month for (month,) in database.rows(_DROPPED))
    checked = events = dropped = 0
    for group in _ranges(after):
        why = _chain(group, last) or _rows(group, months)
        if why is not None:
            return Verified(last, checked, events, dropped, more=False, broken=why)
        last = group[-1]
        checked += len(group)
        dropped += sum(seal.month in months for seal in group)
        events += sum(seal.events for seal in group if seal.month not in months)
        if events >= MOST_EVENTS:
            break
    newest = AuditSeal.objects.order_by("-number").first()
    more = newest is not None and newest.number > (last.number if last else after)
    return Verified(last, checked, events, dropped, more)


def _ranges(after: int) -> Iterator[Sequence[AuditSeal]]:
    """Yield the seals that follow, those of one range together."""
    rows = AuditSeal.objects.filter(number__gt=after).order_by("number")
    page = list(rows[:MOST_SEALS])
    if page:
        # A range that the end of the page cuts in two is taken whole.
        page += rows.filter(number__gt=page[-1].number, first_id=page[-1].first_id)
    for _, group in groupby(page, key=lambda seal: seal.first_id):
        yield list(group)


def _chain(group: Sequence[AuditSeal], before: AuditSeal | None) -> Broken | None:
    """Does each seal follow the one before it, without a gap?"""
    first_id = before.last_id + 1 if before else 1
    for seal in group:
        number, previous = (before.number + 1, before.hash) if before else (1, seals.GENESIS)
        if seal.number != number:
            return Broken(seal, f"seal {number} is missing")
        if seal.first_id != first_id or bytes(seal.previous) != bytes(previous):
            return Broken(seal, "it does not follow the seal before it")
        if bytes(seal.hash) != seals.chained(seal):
            return Broken(seal, "it was changed after it was made")
        before = seal
    return None


def _rows(group: Sequence[AuditSeal], dropped: frozenset[date]) -> Broken | None:
    """Are the events of a range those that were sealed?"""
    found = seals.contents(group[0].first_id, group[0].last_id)
    for seal in group:
        content = found.get(seal.month)
        if seal.month in dropped:
            continue
        events = content.events if content else 0
        if events != seal.events:
            return Broken(seal, f"it was made of {seal.events} events, and there are {events}")
        if content is None or content.digest != bytes(seal.digest):
            return Broken(seal, "an event was changed after it was sealed")
    stray = set(found) - {seal.month for seal in group}
    return Broken(group[0], f"an event of {min(stray):%Y-%m} was added") if stray else None
