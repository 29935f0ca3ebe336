"""Which moment did somebody type?"""

from datetime import datetime

from django.core.management.base import CommandError


def moment(option: str, text: str | None) -> datetime | None:
    """Return the moment, ``None`` when nothing was typed.

    Raises:
        CommandError: it is none, or has no zone.
    """
    if text is None:
        return None
    try:
        typed = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error
    if typed.tzinfo is None:
        raise CommandError(f"{option}: needs a zone, such as 2026-11-21T12:00:00+00:00")
    return typed
