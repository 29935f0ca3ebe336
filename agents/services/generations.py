"""Which life of the database is this, and which sessions did its beginning cut off?

    1 --restore--> 2 --restore--> 3      each ends every session of the one before

A runner cannot know that the server forgot things. Its session is over until it says what it holds;
the same runner then goes on in the same session.
"""

from datetime import datetime
from typing import Final

from agents.models import Generation, Session

FIRST: Final = 1


def current() -> int:
    """Return the number of the present generation."""
    newest = _newest()
    return newest.number if newest else FIRST


def begin(*, now: datetime, backup_at: datetime | None) -> Generation:
    """Begin the next generation and end every open session; expects a transaction."""
    row = Generation.objects.create(number=current() + 1, began_at=now, backup_at=backup_at)
    Session.objects.filter(ended_at=None).update(ended_at=now)
    return row


def was_cut_off(session: Session) -> bool:
    """Did a restore end this session, and no other runner since?"""
    ended_at = session.ended_at
    if ended_at is None or not Generation.objects.filter(began_at=ended_at).exists():
        return False
    return not Session.objects.filter(agent_id=session.agent_id, ended_at=None).exists()


def _newest() -> Generation | None:
    return Generation.objects.order_by("-number").first()
