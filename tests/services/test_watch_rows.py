"""How far back a watch can go on."""

import pytest

from executors.gateway import watch_rows
from executors.gateway.watch_kinds import KINDS
from k8s4r import database
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import CursorExpired
from tests.builders import a_pool, a_task, a_tasks

TASKS = KINDS["tasks"]


@pytest.fixture
def newest(db):
    """Return the id of the newest event there is."""
    a_task(a_pool())
    return AuditEvent.objects.values_list("id", flat=True)[0]


def test_what_changed_since_a_cursor_is_found(newest):
    later = a_tasks(a_pool(), 3)
    assert {change.object_id for change in watch_rows.missed(TASKS, newest)} == {
        task.pk for task in later
    }


def test_who_missed_too_much_is_told_to_list_again(newest):
    database.run(
        "INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,"
        " from_state, to_state, request_id, detail) SELECT clock_timestamp(), '', '', '', 'task',"
        " gen_random_uuid(), 'a', 'b', '', '{}' FROM generate_series(1, %(count)s)",
        {"count": watch_rows.MOST_MISSED + 1},
    )
    with pytest.raises(CursorExpired, match="too much"):
        watch_rows.missed(TASKS, newest)


def test_a_cursor_from_before_the_history_is_told_to_list_again(newest):
    a_task(a_pool())
    database.run("ALTER TABLE audit_event DISABLE TRIGGER audit_append_only", {})
    database.run("DELETE FROM audit_event WHERE id <= %(newest)s", {"newest": newest})
    assert watch_rows.missed(TASKS, newest)
    with pytest.raises(CursorExpired, match="no longer reaches"):
        watch_rows.missed(TASKS, newest - 1)
