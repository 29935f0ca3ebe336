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
        old="LEFT JOIN executors_attempt c ON c.slot_id = slot.id\n",
        new="LEFT JOIN executors_attempt c ON c.slot_id = slot.id AND c.number = 0\n",
        tests=("tests/services/test_dispatch.py",),
    ),
    Seed(
        name="assign-forgets-the-agent-row",
        invariant="I10",
        path="executors/services/dispatch.py",
        old="WHERE id = ANY(%(agents)s) AND desired = 'active' AND observed = 'online'\n"
        "      AND archived_at IS NULL\n    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        new="WHERE id = ANY(%(agents)s)",
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
        path="executors/migrations/0004_two_steps.py",
        old="AND (o.state <> n.state OR o.session_id <> n.session_id)",
        new="AND (o.session_id <> n.session_id)",
        tests=("tests/services/test_laws.py",),
    ),
    Seed(
        name="two-steps-leave-one-event",
        invariant="I15",
        path="executors/migrations/0004_two_steps.py",
        old="AND o.state <> n.state))\n          AND (o.state <> n.state OR o.session_id",
        new="AND false))\n          AND (o.state <> n.state OR o.session_id",
        tests=("tests/services/test_reporting.py",),
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
        name="a-table-loses-its-trigger",
        invariant="I15",
        path="pools/migrations/0002_events.py",
        old="watch(POOL, MEMBERSHIP)",
        new="watch(MEMBERSHIP)",
        tests=("tests/services/test_watched_tables.py", "tests/services/test_row_events.py"),
    ),
    Seed(
        name="a-seal-looks-at-no-event",
        invariant="I15",
        path="k8s4r/audit/verifying.py",
        old="why = _chain(group, last) or _rows(group, months)",
        new="why = _chain(group, last)",
        tests=("tests/services/test_seals.py",),
    ),
    Seed(
        name="what-still-runs-is-sealed-away",
        invariant="I15",
        path="k8s4r/audit/sealing.py",
        old="if oldest_running < running_before <= ours:",
        new="if False:",
        tests=("tests/concurrency/test_sealing.py",),
    ),
    Seed(
        name="the-working-role-may-rewrite-history",
        invariant="I15",
        path="k8s4r/audit/working_role.py",
        old='"REVOKE UPDATE, DELETE ON audit_event, audit_seal FROM {role}",',
        new="",
        tests=("tests/services/test_working_role.py",),
    ),
    Seed(
        name="news-goes-out-before-the-commit",
        invariant="I1",
        path="executors/wakeups.py",
        old="transaction.on_commit("
        "partial(_tell, News(origin=_OUTBOX.origin, pools=pools)), robust=True)",
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
        name="orders-go-to-any-session",
        invariant="I4",
        path="executors/gateway/claims.py",
        old="return call.message.session == handover.session_id and self._is_good(call.token)",
        new="return self._is_good(call.token)",
        tests=("tests/gateway/test_claims.py",),
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
        old="       a.id, a.number, a.lost_after_s,",
        new="       a.id, a.number, a.lost_after_s + 120,",
        tests=("tests/model/test_silence.py",),
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
    Seed(
        name="leases-are-judged-while-they-are-renewed",
        invariant="I6",
        path="executors/services/expiry.py",
        old='sessions.order_by("pk").select_for_update(no_key=True, skip_locked=True)',
        new='sessions.order_by("pk")',
        tests=("tests/concurrency/test_ticks.py",),
    ),
    Seed(
        name="lost-too-early",
        invariant="I6",
        path="executors/core/leases.py",
        old="return begins + timedelta(seconds=lost_after_s)",
        new="return begins + timedelta(seconds=lost_after_s - 20)",
        tests=("tests/core/test_leases.py", "tests/services/test_expiry.py"),
    ),
    Seed(
        name="waiting-work-is-started-again",
        invariant="I6",
        path="executors/core/endings.py",
        old='if disconnect == "wait" and stop_reason is not StopReason.CANCEL:',
        new="if False:",
        tests=("tests/core/test_endings.py", "tests/services/test_expiry.py"),
    ),
    Seed(
        name="the-runner-never-stops-by-itself",
        invariant="I6",
        path="agents/client/runner/lease.py",
        old="return patience is None or silence_s < patience",
        new="return True",
        tests=("tests/agent/test_lease.py::test_the_runner_stops_work_whatever_its_link_does",),
    ),
    Seed(
        name="a-group-starts-whatever-the-lease-says",
        invariant="I6",
        path="agents/client/runner/work.py",
        old="return at, None if self._lapse(order) else start()",
        new="return at, start()",
        tests=("tests/agent/test_work.py::test_a_group_of_starts_ends_where_the_lease_does",),
    ),
    Seed(
        name="silence-counts-during-our-own-outage",
        invariant="I6",
        path="executors/core/leases.py",
        old="if any(now - pulse.seen_at > policy.outage_gap for pulse in by_source.values()):",
        new="if False:",
        tests=("tests/core/test_leases.py", "tests/services/test_expiry.py"),
    ),
    Seed(
        name="a-cancel-locks-nothing",
        invariant="I3",
        path="executors/services/locking.py",
        old='task in rows.select_for_update(of=("self",), no_key=True)}',
        new="task in rows}",
        tests=("tests/concurrency/test_cancellation.py",),
    ),
    Seed(
        name="one-look-at-what-is-left-is-enough",
        invariant="I9",
        path="agents/client/runner/belongings.py",
        old="(strays := self._strays()) and strays != seen:",
        new="(strays := self._strays()) and not seen:",
        tests=("tests/agent/test_belongings.py",),
    ),
    Seed(
        name="reading-somewhere-is-enough-to-change",
        invariant="I16",
        path="k8s4r/access/principals.py",
        old="        if not self.may(permission, project_id):\n",
        new="        if not self.rights.anywhere(permission):\n",
        tests=("tests/api/test_roles.py",),
    ),
    Seed(
        name="tasks-are-looked-up-by-id-only",
        invariant="I16",
        path="executors/selectors.py",
        old="return rows if allowed is None else rows.filter(project_id__in=allowed)",
        new="return rows",
        tests=("tests/api/test_roles.py",),
    ),
    Seed(
        name="one-failing-sweep-stops-the-others",
        invariant="I1",
        path="executors/sweeps.py",
        old='logger.exception("sweep_failed", extra={"sweep": str(job)})',
        new="raise",
        tests=("tests/services/test_sweeps.py",),
    ),
)
