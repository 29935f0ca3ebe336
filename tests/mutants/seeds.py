"""The seeded bugs, one or more per invariant (docs/invariants.md names them)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """One bug: in ``path``, ``old`` becomes ``new``; then one of ``tests`` must fail.

    ``old`` stands there exactly once, so that a seed that no longer fits is an error, not a pass.
    """

    name: str
    invariant: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


SEEDS: tuple[Seed, ...] = (
    Seed(
        name="assign-without-locks-and-indexes",
        invariant="I3",
        path="executors/migrations/0002_laws.py",
        old="            REFUSE_FINAL\n",
        new='            "DROP INDEX attempt_one_per_slot, attempt_one_per_task;" + REFUSE_FINAL\n',
        tests=("tests/services/test_laws.py",),
    ),
    Seed(
        name="pass-ignores-occupied-slots",
        invariant="I9",
        path="executors/supply.py",
        old="AND c.state = ANY(%(current)s)\nWHERE",
        new="AND c.state = 'nothing'\nWHERE",
        tests=("tests/services/test_dispatch.py",),
    ),
    Seed(
        name="assign-forgets-the-agent-row",
        invariant="I10",
        path="executors/services/dispatch.py",
        old="WHERE id = ANY(%s) AND desired = 'active' AND observed = 'online' "
        "AND archived_at IS NULL\nORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        new="WHERE id = ANY(%s)",
        tests=("tests/concurrency/test_dispatch.py",),
    ),
    Seed(
        name="final-states-may-change",
        invariant="I7",
        path="executors/migrations/0002_laws.py",
        old='+ _final("executors_task", TASK_TERMINAL)',
        new="",
        tests=("tests/services/test_laws.py",),
    ),
    Seed(
        name="attempts-leave-no-event",
        invariant="I15",
        path="executors/migrations/0002_laws.py",
        old="WHERE o.state <> n.state OR o.session_id <> n.session_id;",
        new="WHERE o.session_id <> n.session_id;",
        tests=("tests/services/test_laws.py",),
    ),
    Seed(
        name="history-may-be-rewritten",
        invariant="I15",
        path="k8s4r/audit/migrations/0001_initial.py",
        old="RAISE EXCEPTION 'audit events are append-only' "
        "USING ERRCODE = 'insufficient_privilege';",
        new="RETURN NEW;",
        tests=("tests/services/test_laws.py",),
    ),
)
