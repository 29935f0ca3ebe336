"""What did the passes of a pool decide? One row for each that changed something."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from executors.core.selection import Plan
from executors.services.transitions import Assigned
from k8s4r import database

KEPT: Final = 200
MOST_NAMED: Final = 20

_RECORD: Final = """
INSERT INTO pools_decision (pool_id, at, placed, assignments, "left")
VALUES (%(pool)s, %(now)s, %(placed)s, %(assignments)s, %(left)s)
"""
_FORGET: Final = """
DELETE FROM pools_decision d USING (
    SELECT p.id AS pool_id, (
        SELECT o.id FROM pools_decision o WHERE o.pool_id = p.id
        ORDER BY o.id DESC OFFSET %(kept)s LIMIT 1) AS last
    FROM pools_pool p) old
WHERE d.pool_id = old.pool_id AND d.id <= old.last
"""


def record(pool_id: UUID, plan: Plan, placed: Sequence[Assigned], *, now: datetime) -> None:
    """Keep what a pass did: who got what, as far as anybody reads, and why the rest waits.

    ``placed`` is what took effect of the plan. Expects the transaction of the pass.
    """
    named = [[str(one.task_id), str(one.agent_id), one.slot] for one in placed[:MOST_NAMED]]
    left = Counter(str(code) for code in plan.waiting.values())
    parameters = {
        "pool": pool_id,
        "now": now,
        "placed": len(placed),
        "assignments": json.dumps(named),
        "left": json.dumps(left),
    }
    database.run(_RECORD, parameters)


def forget_old(*, kept: int = KEPT) -> int:
    """Delete all but the newest decisions of each pool; return how many went."""
    return database.run(_FORGET, {"kept": kept})
