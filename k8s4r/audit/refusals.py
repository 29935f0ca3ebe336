"""Who was refused where a theft shows? Refusals change no row, so no trigger tells of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from k8s4r import database

# Signed like any other change (`attribution.attribute`); token and address are the defaults.
_RECORD: Final = """
INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id, project_id,
                         from_state, to_state, request_id, detail)
VALUES (%(now)s, audit_setting('actor_kind', 'system'), audit_setting('actor_id', ''),
        audit_setting('cause', ''), %(kind)s, %(id)s, %(project)s, %(state)s, %(state)s,
        audit_setting('request_id', ''), jsonb_build_object('refused', %(why)s::text))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Somebody was refused in the name of a thing, which stays in its state; ``why`` in a word."""

    kind: str
    object_id: UUID
    project_id: UUID
    state: str
    why: str


def record(refused: Refused, *, now: datetime) -> None:
    """Put a refusal on record. Expects a transaction that is signed."""
    database.run(
        _RECORD,
        {
            "now": now,
            "kind": refused.kind,
            "id": refused.object_id,
            "project": refused.project_id,
            "state": refused.state,
            "why": refused.why,
        },
    )
