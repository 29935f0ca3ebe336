"""The role that the platform works as adds to the history, and can do nothing else to it."""

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from executors.services import retention
from executors.services.retention import RetentionPolicy
from k8s4r import database
from k8s4r.audit import sealing, working_role
from k8s4r.audit.attribution import SYSTEM
from k8s4r.audit.models import AuditEvent
from pools.services import founding
from tests.builders import NOON, a_pool, a_task, an_agent

pytestmark = pytest.mark.django_db
ROLE = "k8s4r_test_working"
OLD, NEW = "audit_event_2031_01", "audit_event_2032_03"


@pytest.fixture
def as_role(db):
    """Work as the role until the test ends; it goes with the test's transaction."""
    working_role.ensure(ROLE)
    database.run(f"SET LOCAL ROLE {ROLE}")


FORBIDDEN = [
    "UPDATE audit_event SET cause = 'nothing'",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "DROP TABLE audit_event",
    "DROP TRIGGER pools_pool_update_event ON pools_pool",
    "ALTER TABLE pools_pool DISABLE TRIGGER ALL",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
    "UPDATE audit_seal SET events = 1",
    "DELETE FROM audit_seal",
    "TRUNCATE audit_seal",
    "INSERT INTO audit_dropped_month VALUES ('2026-01-01', clock_timestamp())",
    "DELETE FROM audit_seal_mark",
    "SET session_replication_role = replica",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_role_may_not_touch_the_history(as_role, statement):
    a_pool()
    before = AuditEvent.objects.count()
    refusals = "permission denied|must be owner"

    with pytest.raises(ProgrammingError, match=refusals), transaction.atomic():
        database.run(statement)

    assert AuditEvent.objects.count() == before > 0


def test_a_month_of_the_history_cannot_be_reached_past_its_table(as_role):
    found = database.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass"
    )
    assert found
    for (partition,) in found:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            database.run(f"DELETE FROM {partition}")


def test_the_platform_works_as_the_role(as_role):
    founding.found("one", actor=SYSTEM, now=NOON)
    agent = an_agent()
    a_task(a_pool(agent))
    sealing.seal(now=NOON)
    assert AuditEvent.objects.filter(object_type="project").exists()


def test_retention_makes_and_drops_months_as_the_owner(as_role):
    policy = RetentionPolicy(event_months=1)
    retention.keep_audit_months(now=datetime(2031, 1, 5, tzinfo=UTC), policy=policy)
    retention.keep_audit_months(now=datetime(2032, 3, 1, tzinfo=UTC), policy=policy)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s), to_regclass(%s)", [OLD, NEW])
        assert cursor.fetchone() == (None, NEW)


def test_the_role_is_completed_when_it_is_there_already(db):
    database.run(f"CREATE ROLE {ROLE} NOLOGIN")
    database.run(f"GRANT UPDATE ON audit_event TO {ROLE}")

    working_role.ensure(ROLE)

    asked = "SELECT has_table_privilege(%s, %s, 'UPDATE')"
    tables = ("pools_pool", "audit_event")
    assert [database.rows(asked, [ROLE, table])[0][0] for table in tables] == [True, False]
