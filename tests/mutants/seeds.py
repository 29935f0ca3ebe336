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
    Seed(
        name="news-goes-out-before-the-commit",
        invariant="I1",
        path="executors/wakeups.py",
        old="transaction.on_commit(lambda: _tell(News(origin=_OUTBOX.origin, pools=pools)))",
        new="_tell(News(origin=_OUTBOX.origin, pools=pools))",
        tests=("tests/gateway/test_channels.py",),
    ),
    Seed(
        name="sweeper-forgets-waiting-tasks",
        invariant="I1",
        path="executors/sweeps.py",
        old='for pool_id in list(pools.values_list("pk", flat=True)):',
        new="for pool_id in ():",
        tests=("tests/services/test_sweeps.py",),
    ),
    Seed(
        name="repeated-create-is-a-second-task",
        invariant="I2",
        path="executors/migrations/0002_laws.py",
        old="            REFUSE_FINAL\n",
        new='            "ALTER TABLE api_idempotencyrecord DROP CONSTRAINT idempotency_once;"'
        " + REFUSE_FINAL\n",
        tests=("tests/api",),
    ),
    Seed(
        name="claim-does-not-repeat-orders",
        invariant="I4",
        path="executors/services/order_statements.py",
        old="WHERE a.id = ANY(%s::uuid[]) AND a.state = 'assigned'\n",
        new="WHERE a.id = ANY(%s::uuid[]) AND a.state = 'assigned' AND a.number = 0\n",
        tests=("tests/services/test_orders.py",),
    ),
    Seed(
        name="any-token-will-do",
        invariant="I5",
        path="executors/services/reporting.py",
        old="is_own = attempt.agent_id == batch.agent_id and ids.same(report.token, token)",
        new="is_own = attempt.agent_id == batch.agent_id",
        tests=("tests/services/test_reporting.py",),
    ),
    Seed(
        name="superseded-attempts-may-report",
        invariant="I5",
        path="executors/core/reports.py",
        old="if self._state in ATTEMPT_TERMINAL:",
        new="if False:",
        tests=("tests/core/test_reports.py", "tests/services/test_reporting.py"),
    ),
    Seed(
        name="runner-stops-after-the-server-gave-up",
        invariant="I6",
        path="executors/services/order_statements.py",
        old="SELECT a.id, a.number, a.lost_after_s,",
        new="SELECT a.id, a.number, a.lost_after_s + 120,",
        tests=("tests/model",),
    ),
    Seed(
        name="lost-work-starts-again-at-once",
        invariant="I6",
        path="executors/services/expiry.py",
        old="grace=policy.requeue_grace",
        new="grace=timedelta(0)",
        tests=("tests/services/test_expiry.py",),
    ),
    Seed(
        name="last-result-wins",
        invariant="I8",
        path="executors/core/reports.py",
        old='return "duplicate" if result_hash(report) == self._hash else "conflict"',
        new='return "duplicate"',
        tests=("tests/core/test_reports.py",),
    ),
    Seed(
        name="every-tick-is-free",
        invariant="I18",
        path="executors/services/ticks.py",
        old="ON CONFLICT DO NOTHING\nRETURNING job",
        new="ON CONFLICT (job, scheduled_for) DO UPDATE SET taken_at = excluded.taken_at\n"
        "RETURNING job",
        tests=("tests/concurrency/test_ticks.py", "tests/services/test_ticks.py"),
    ),
    Seed(
        name="our-own-outage-expires-agents",
        invariant="I6",
        path="executors/services/pulses.py",
        old="> %(gap)s THEN",
        new="> %(gap)s + interval '1 day' THEN",
        tests=("tests/services/test_pulses.py", "tests/services/test_expiry.py"),
    ),
)
