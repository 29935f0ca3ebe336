"""A seal notices whatever is done to the events behind it, or to the seals before it."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from executors.services import retention
from executors.services.retention import RetentionPolicy
from k8s4r import database
from k8s4r.audit import seals, verifying
from k8s4r.audit.models import AuditEvent, AuditSeal
from tests.builders import NOON, a_pool, a_project
from tests.sealed import seal_everything, sealed_up_to

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = datetime(2020, 3, 9, tzinfo=UTC)


@contextmanager
def as_the_owner():
    """Let a test do what only the owner of the tables could, and undo it."""
    with transaction.atomic():
        for table in ("audit_event", "audit_seal"):
            database.run(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield
        transaction.set_rollback(True)


@pytest.fixture
def sealed():
    """Return a seal over an event, followed by another seal."""
    a_project("first")
    seal_everything()
    found = AuditSeal.objects.order_by("-number")[0]
    a_project("second")
    seal_everything()
    return found


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + interval '1 microsecond'"),
        ("actor_kind", "'nobody'"),
        ("actor_id", "'mallory'"),
        ("cause", "'another'"),
        ("object_type", "'pool'"),
        ("object_id", "'00000000-0000-0000-0000-000000000001'"),
        ("project_id", "NULL"),
        ("from_state", "'online'"),
        ("to_state", "'online'"),
        ("request_id", "'another'"),
        ("token_id", "'00000000-0000-0000-0000-000000000001'"),
        ("address", "'192.0.2.1'"),
        ("detail", "'{}'"),
    ],
)
def test_an_event_that_was_changed_breaks_its_seal(sealed, column, value):
    with as_the_owner():
        newest = AuditEvent.objects.filter(id__lte=sealed.last_id).latest("id").pk
        database.run(f"UPDATE audit_event SET {column} = {value} WHERE id = %s", [newest])
        broken = verifying.verify().broken
    assert (broken.seal.number, broken.why) == (
        sealed.number,
        "an event was changed after it was sealed",
    )
    assert verifying.verify().broken is None


def test_an_event_that_was_taken_away_breaks_its_seal(sealed):
    with as_the_owner():
        database.run("DELETE FROM audit_event WHERE id = %s", [sealed.last_id])
        broken = verifying.verify().broken
    assert broken.seal.number == sealed.number
    assert f"made of {sealed.events} events" in broken.why


@pytest.mark.parametrize("days", [0, -40])
def test_an_event_that_was_slipped_in_breaks_the_seal_of_its_range(sealed, days):
    with as_the_owner():
        database.run("DELETE FROM audit_event WHERE id > %s", [sealed.last_id])
        database.run(
            "INSERT INTO audit_event (id, at, actor_kind, actor_id, cause, object_type, object_id,"
            " from_state, to_state, request_id, detail) OVERRIDING SYSTEM VALUE"
            " SELECT %s, at + make_interval(days => %s), '', '', '', '', object_id, '', '', '',"
            " '{}'"
            " FROM audit_event WHERE id = %s",
            [sealed.last_id + 1, days, sealed.last_id],
        )
        broken = verifying.verify().broken
    assert broken.seal.number == sealed.number + 1


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE audit_seal SET events = events + 1 WHERE number = %s", "it was changed"),
        ("UPDATE audit_seal SET digest = sha256('x') WHERE number = %s", "it was changed"),
        ("UPDATE audit_seal SET last_id = last_id + 1 WHERE number = %s", "it was changed"),
        ("DELETE FROM audit_seal WHERE number = %s", "is missing"),
    ],
)
def test_a_seal_that_was_touched_is_named(sealed, statement, why):
    with as_the_owner():
        database.run(statement, [sealed.number])
        broken = verifying.verify().broken
    assert why in broken.why


def test_a_seal_made_anew_over_other_events_breaks_the_chain(sealed):
    with as_the_owner():
        sealed.digest = seals.GENESIS.ljust(32, b"x")
        sealed.hash = seals.chained(sealed)
        AuditSeal.objects.filter(pk=sealed.pk).update(digest=sealed.digest, hash=sealed.hash)
        database.run("DELETE FROM audit_event WHERE id <= %s", [sealed.last_id])
        broken = verifying.verify(after=sealed.number).broken
    assert broken.why == "it does not follow the seal before it"


def test_a_check_goes_on_where_the_last_one_ended(sealed):
    whole, rest = verifying.verify(), verifying.verify(after=sealed.number)
    assert (whole.broken, rest.broken) == (None, None)
    assert whole.seals - rest.seals == sealed.number
    assert whole.last == rest.last


def test_an_event_of_two_months_in_one_range_has_a_seal_for_each():
    seal_everything()
    before = sealed_up_to()
    database.run("SELECT audit_make_month(%s)", [LONG_AGO])
    a_pool(changed_at=LONG_AGO)
    seal_everything()
    made = AuditSeal.objects.filter(first_id__gt=before)
    assert {seal.month for seal in made} >= {LONG_AGO.date().replace(day=1)}
    assert verifying.verify().broken is None


def months():
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('audit_event_2020_03')")
        return cursor.fetchone()[0]


def test_retention_drops_a_month_only_when_it_is_sealed_and_its_seals_stand():
    database.run("SELECT audit_make_month(%s)", [LONG_AGO])
    a_pool(changed_at=LONG_AGO)
    policy = RetentionPolicy(event_months=13)

    retention.keep_audit_months(now=NOON, policy=policy)
    assert months() is not None, "not sealed yet"

    seal_everything()
    retention.keep_audit_months(now=NOON, policy=policy)
    assert months() is None

    checked = verifying.verify()
    assert checked.broken is None
    assert checked.dropped > 0
    assert not AuditEvent.objects.filter(at=LONG_AGO).exists()
