"""Which secrets did this process open? One event for each secret and process, and after a change.

A secret that is used every few seconds would fill the audit log with itself.
"""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from k8s4r import database

_RECORD: Final = """
INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id, project_id,
                         from_state, to_state, request_id, token_id, address, detail)
VALUES (%(at)s, 'system', '', 'open_secret', %(kind)s, %(object)s, %(project)s,
        '', 'opened', '', NULL, '', '{}')
"""
_seen: Final[dict[UUID, str]] = {}


def record(
    kind: str, object_id: UUID, *, encrypted: str, project_id: UUID | None, now: datetime
) -> None:
    """Put on record that a secret is opened, unless this process has done so for the same text.

    What is not committed is not on record: the next opening tries again. Two that are the first at
    once are two events.
    """
    digest = hashlib.sha256(encrypted.encode()).hexdigest()
    if _seen.get(object_id) == digest:
        return
    database.run(_RECORD, {"at": now, "kind": kind, "object": object_id, "project": project_id})
    transaction.on_commit(lambda: _seen.__setitem__(object_id, digest))
