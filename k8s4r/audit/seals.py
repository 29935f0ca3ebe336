"""What is a seal made of? Digests of the events of a range, chained with SHA-256.

There is no key in it: whoever may rewrite events *and* seals can compute new ones. The working role
may do neither; who noted the newest hash elsewhere finds out about everybody else.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from k8s4r import database
from k8s4r.audit.models import AuditSeal

GENESIS: Final = b""

# Every column of an event, spelled out: a column that comes later must not change old digests.
_DIGESTS: Final = """
SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month, count(*),
       sha256(string_agg(sha256(convert_to(jsonb_build_array(
           id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), actor_kind, actor_id,
           cause, object_type, object_id, project_id, from_state, to_state, request_id, token_id,
           address, detail)::text, 'UTF8')), ''::bytea ORDER BY id))
FROM audit_event WHERE id BETWEEN %s AND %s GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What the events of one month in a range come to."""

    events: int
    digest: bytes


def contents(first_id: int, last_id: int) -> Mapping[date, Content]:
    """Return what lies in a range of ids now, by month; one statement."""
    found = database.rows(_DIGESTS, [first_id, last_id])
    return {month: Content(events, bytes(digest)) for month, events, digest in found}


def chained(seal: AuditSeal) -> bytes:
    """Return the hash that a seal must have: of all it says, and of the one before it."""
    said = [
        str(seal.number), str(seal.first_id), str(seal.last_id), seal.month.isoformat(),
        str(seal.events), bytes(seal.digest).hex(), bytes(seal.previous).hex(),
    ]  # fmt: skip
    return hashlib.sha256("|".join(said).encode()).digest()
