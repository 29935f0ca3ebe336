"""Up to which event is the history complete? Asked twice: a mark now, and later whether it is over.

Ids are given out before the commit, so a low one may appear after a higher one. A mark remembers
the last id that was given out and, claimed after that question, a transaction number of its own:
who got an id up to there had a lower number. When all those have ended, the mark is over: all that
will ever be in the range is there.
"""

from typing import Final, NamedTuple

from k8s4r import database

_GIVEN_OUT: Final = "SELECT last_value FROM audit_event_id_seq"
# Claims a number. (A snapshot's xmax would not do: it is the number after the last one that
# *ended*, so a transaction that runs alone, and any above it, would count as still to come.)
_OURS: Final = "SELECT pg_current_xact_id()::text::bigint"
_OLDEST_RUNNING: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class Mark(NamedTuple):
    """Who wrote an event up to ``last_id`` has a number below ``running_before``."""

    last_id: int
    running_before: int

    def is_over(self, oldest_running: int) -> bool:
        """Has everybody ended who may still add to the range?"""
        return self.running_before <= oldest_running


def given_out() -> int:
    """Return the last id that was given out, committed or not."""
    ((last_id,),) = database.rows(_GIVEN_OUT)
    return int(last_id)


def mark() -> Mark:
    """Remember how far the history has come, which costs one transaction number."""
    # The order of these two is the point.
    last_id = given_out()
    ((ours,),) = database.rows(_OURS)
    return Mark(last_id, int(ours))


def oldest_running() -> int:
    """Return the lowest number of a transaction that has not ended; read events after this."""
    ((oldest,),) = database.rows(_OLDEST_RUNNING)
    return int(oldest)
