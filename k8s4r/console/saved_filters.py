"""Which filters of the list of tasks has a person kept, and what may be kept?"""

import unicodedata
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from k8s4r.access.models import User
from k8s4r.console.models import SavedFilter
from k8s4r.core.errors import Conflict, FieldProblem, Invalid, NotFound

MOST: Final = 30
LONGEST_NAME: Final = 60
LONGEST_QUERY: Final = 500
# What the address of the list may hold: what it filters by, searches and sorts.
KNOWN: Final = frozenset(
    {"state", "owner", "pool__id__exact", "project__id__exact", "agent__id__exact", "q", "o"}
)


def of(user: User) -> QuerySet[SavedFilter]:
    """Return what a person has kept, by name."""
    return SavedFilter.objects.filter(user=user).order_by("name")


def filters_in(query: str) -> str:
    """Return the part of an address that filters; the number of a page is no part of it."""
    pairs = parse_qsl(query.lstrip("?"), keep_blank_values=False)
    return urlencode([(name, value) for name, value in pairs if name in KNOWN])


@transaction.atomic
def keep(user: User, name: str, query: str, *, now: datetime) -> SavedFilter:
    """Keep filters under a name; the same name again is for the later ones.

    Locks: the person, so that their number is bounded.

    Raises:
        Invalid: the name is none, or nothing is filtered by.
        Conflict: there are as many as anybody may have.
    """
    name, kept = _named(name), filters_in(query)
    if not kept or len(kept) > LONGEST_QUERY:
        detail = "no filter is chosen: choose a state, a pool or words first"
        if kept:
            detail = f"the filters are longer than {LONGEST_QUERY} characters"
        raise _wrong("/query", detail)
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    others = of(user).exclude(name=name).count()
    if others >= MOST:
        raise Conflict(f"you have {MOST} saved filters already: delete one first")
    row, _ = SavedFilter.objects.update_or_create(
        user=user, name=name, defaults={"query": kept, "created_at": now}
    )
    return row


@transaction.atomic
def forget(user: User, filter_id: UUID) -> str:
    """Delete one of a person's own; return what it was called.

    Raises:
        NotFound: they have no such.
    """
    row = of(user).filter(pk=filter_id).first()
    if row is None:
        raise NotFound(f"no saved filter {filter_id}")
    row.delete()
    return row.name


def _named(text: str) -> str:
    name = text.strip()
    if not name:
        raise _wrong("/name", "a saved filter needs a name")
    if len(name) > LONGEST_NAME:
        raise _wrong("/name", f"a name has at most {LONGEST_NAME} characters")
    if any(unicodedata.category(letter).startswith("C") for letter in name):
        raise _wrong("/name", "a name has no control characters")
    return name


def _wrong(pointer: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[FieldProblem(pointer, "saved_filter", detail)])
