"""What does a query parameter mean? Times, ids and short texts, each refused by its name."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from k8s4r.core import ids
from k8s4r.core.errors import FieldProblem

LONGEST: Final = 253


def moment(text: str | None, name: str, problems: list[FieldProblem]) -> datetime | None:
    """Return a time; one without an offset is in UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        problems.append(FieldProblem(f"?{name}", "time", "write a time as 2026-01-31T12:00:00Z"))
        return None


def identity(text: str | None, name: str, problems: list[FieldProblem]) -> UUID | None:
    """Return an id."""
    found = ids.as_uuid(text) if text is not None else None
    if text is not None and found is None:
        problems.append(FieldProblem(f"?{name}", "id", "write an id as 36 characters"))
    return found


def short(asked: Mapping[str, str], name: str, problems: list[FieldProblem]) -> str:
    """Return a text that a column can hold, empty when it was not given."""
    text = asked.get(name, "")
    if len(text) > LONGEST or "\x00" in text:
        problems.append(FieldProblem(f"?{name}", "text", f"at most {LONGEST} characters, no NUL"))
    return text
