"""The seeded bugs of who may do what (I16), and of what is remembered (I15)."""

from tests.mutants.seed import Seed

HISTORY_SEEDS: tuple[Seed, ...] = (
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
        new="watch(POOL)",
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
        name="pages-show-foreign-projects",
        invariant="I16",
        path="k8s4r/access/pages.py",
        old="return rows if projects is None else rows.filter(project_id__in=projects)",
        new="return rows",
        tests=("tests/console/test_roles.py",),
    ),
)
