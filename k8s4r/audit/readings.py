"""Who read what is not theirs to know by itself? Reads change no row, so no trigger tells of them.

One event for each person, thing and hour, however often they ask: a log that is followed is asked
for at every piece of it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from k8s4r import database

LOG: Final = "log"
ARTIFACT: Final = "artifact"
EVERY: Final = timedelta(hours=1)
# For so long a process does not ask whether there is an event. Shorter than the hour, since the
# event may be another process's, and nearly an hour old.
REMEMBERED_S: Final = 300.0
MOST_REMEMBERED: Final = 50_000

# The person, the thing, and what of it.
Which: TypeAlias = tuple[UUID, UUID, str]

_RECORD: Final = """
INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id, project_id,
                         from_state, to_state, request_id, token_id, address, detail)
SELECT %(now)s, 'user', r.user_id::text, 'read_' || r.kind, r.kind, r.object_id, r.project_id,
       '', 'read', r.request_id, r.token_id, r.address, '{}'
FROM unnest(%(kinds)s::text[], %(objects)s::uuid[], %(projects)s::uuid[], %(users)s::uuid[],
            %(tokens)s::uuid[], %(addresses)s::text[], %(requests)s::text[])
     AS r(kind, object_id, project_id, user_id, token_id, address, request_id)
WHERE NOT EXISTS (
    SELECT 1 FROM audit_event e
    WHERE e.object_id = r.object_id AND e.object_type = r.kind
      AND e.actor_id = r.user_id::text AND e.at > %(since)s)
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """A person reads something of a thing; without ``token_id`` on a page."""

    kind: str
    object_id: UUID
    project_id: UUID
    user_id: UUID
    token_id: UUID | None
    address: str
    request_id: str


class Readings:
    """Puts readings on record, and remembers for this process which are."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: dict[Which, float] = {}

    def fresh(self, found: Iterable[Reading]) -> Mapping[Which, Reading]:
        """Return those that may not be on record: no query, and nearly always none."""
        now_s = self._monotonic()
        return {
            which: one
            for one in found
            if self._until.get(which := (one.user_id, one.object_id, one.kind), 0.0) <= now_s
        }

    def record(self, fresh: Mapping[Which, Reading], *, now: datetime) -> None:
        """Put on record what is not yet, all in one statement.

        Two processes that are asked at the same moment may both do so.
        """
        columns = zip(*map(astuple, fresh.values()), strict=True)
        names = ("kinds", "objects", "projects", "users", "tokens", "addresses", "requests")
        parameters = {name: list(column) for name, column in zip(names, columns, strict=True)}
        database.run(_RECORD, {**parameters, "now": now, "since": now - EVERY})
        if len(self._until) + len(fresh) > MOST_REMEMBERED:
            self._until.clear()
        until_s = self._monotonic() + REMEMBERED_S
        self._until.update(dict.fromkeys(fresh, until_s))
