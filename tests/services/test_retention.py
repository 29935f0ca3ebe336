"""What has ended long ago goes, with all it left; what is young or alive stays."""

import os
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session as SignIn
from django.db import connection

from agents.models import Session
from executors.models import Annotation, Artifact, Attempt, Evidence, LogChunk, Task, Tick
from executors.services import leftovers, retention
from executors.services.retention import RetentionPolicy
from k8s4r import clock
from k8s4r.access.models import Token
from k8s4r.api.models import IdempotencyRecord
from pools.models import Pod, PodAction, ScalingDecision
from tests.builders import (
    NOON,
    a_pod,
    a_pod_pool,
    a_pool,
    a_task,
    a_user,
    an_agent,
    an_attempt,
    seconds,
)

pytestmark = pytest.mark.django_db
POLICY = RetentionPolicy()
MONTH = seconds(30 * 86400)


def ended(at, **fields):
    """Return a task that ended then, with an attempt, output and an artifact."""
    agent = an_agent()
    task = a_task(a_pool(agent), **fields)
    attempt = an_attempt(task, agent, state="running")
    Attempt.objects.filter(pk=attempt.pk).update(state="succeeded", ended_at=at)
    Task.objects.filter(pk=task.pk).update(state="completed", ended_at=at)
    LogChunk.objects.create(attempt=attempt, seq=1, stream="stdout", at=at, data=b"x")
    artifact = Artifact.objects.create(
        attempt=attempt, name="plan", sha256="0" * 64, size_bytes=1, stored_at=at
    )
    Annotation.objects.create(attempt=attempt, context="tests", style="info", text="x", told_at=at)
    return task, attempt, artifact


def delete_tasks(limit=100, removed=None, now=NOON + MONTH):
    files = [] if removed is None else removed
    return retention.delete_tasks(now=now, limit=limit, policy=POLICY, remove_files=files.extend)


def test_an_old_task_goes_with_all_it_left():
    _, _, artifact = ended(NOON)
    removed = []

    assert delete_tasks(removed=removed) == 1

    assert removed == [artifact.pk]
    for model in (Task, Attempt, LogChunk, Artifact, Annotation):
        assert not model.objects.exists()


def test_a_young_task_and_one_that_never_ended_stay():
    ended(NOON + seconds(1))
    a_task(a_pool(), now=NOON - 12 * MONTH)
    assert delete_tasks() == 0
    assert (Task.objects.count(), LogChunk.objects.count()) == (2, 1)


def test_a_child_survives_its_parent():
    parent, *_ = ended(NOON)
    child = a_task(a_pool(), parent=parent)
    delete_tasks()
    assert Task.objects.get() == child
    assert Task.objects.get().parent_id is None


def test_a_batch_takes_the_oldest_and_the_next_goes_on():
    kept, *_ = ended(NOON - seconds(10))
    oldest, *_ = ended(NOON - seconds(20))
    assert delete_tasks(limit=1) == 1
    assert set(Task.objects.values_list("pk", flat=True)) == {kept.pk}
    assert [delete_tasks(limit=1), delete_tasks(limit=1)] == [1, 0]
    assert oldest.pk not in set(Task.objects.values_list("pk", flat=True))


def test_files_that_cannot_be_removed_keep_their_rows_so_that_they_are_tried_again():
    ended(NOON)

    def remove(_):
        raise OSError("read-only file system")

    with pytest.raises(OSError, match="read-only"):
        retention.delete_tasks(now=NOON + MONTH, limit=9, policy=POLICY, remove_files=remove)
    assert Artifact.objects.count() == 1
    assert delete_tasks() == 1


def test_old_bookkeeping_goes_each_after_its_own_time():
    for age_h in (1, 3, 25):
        at = NOON - seconds(age_h * 3600)
        Tick.objects.create(job="leases", scheduled_for=at, taken_at=at)
        IdempotencyRecord.objects.create(
            principal="alice",
            route="tasks",
            key=str(age_h),
            request_hash=b"",
            status=201,
            response=b"",
            created_at=at,
        )
    for age_d in (1, 31):
        Evidence.objects.create(
            attempt_id=clock.new_id(),
            agent=an_agent(),
            received_at=NOON - seconds(age_d * 86400),
            status="superseded",
            payload=b"",
        )

    assert retention.delete_bookkeeping(now=NOON, limit=100, policy=POLICY) == 2

    assert Tick.objects.count() == 1
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"1", "3"}
    assert Evidence.objects.count() == 1
    assert retention.delete_bookkeeping(now=NOON, limit=100, policy=POLICY) == 0


def test_pods_that_are_gone_go_with_what_was_done_to_them_and_scaling_after_a_week():
    pool = a_pod_pool()
    for state, days in (("gone", 31), ("gone", 29), ("ready", 90)):
        at = NOON - seconds(days * 86_400)
        pod = a_pod(pool, now=at, state=state, gone_at=at if state == "gone" else None)
        PodAction.objects.filter(pod=pod).update(state="done", done_at=at)
    for days in (6, 8):
        at = NOON - seconds(days * 86_400)
        ScalingDecision.objects.create(
            pool=pool, at=at, until=at, desired=0, serving=0, ready=0, counted=0, code="steady"
        )

    retention.delete_bookkeeping(now=NOON, limit=100, policy=POLICY)

    assert sorted(Pod.objects.values_list("state", flat=True)) == ["gone", "ready"]
    assert PodAction.objects.count() == 1
    assert ScalingDecision.objects.count() == 1


def test_sessions_that_ended_long_ago_go_unless_an_attempt_still_names_them():
    _, attempt, _ = ended(NOON)
    an_agent(now=NOON)
    bare = an_agent()
    Session.objects.filter(agent__in=[bare, attempt.agent]).update(ended_at=NOON)

    retention.delete_bookkeeping(now=NOON + MONTH, limit=100, policy=POLICY)
    assert not Session.objects.filter(agent=bare).exists()
    assert Session.objects.count() == 2

    delete_tasks()
    retention.delete_bookkeeping(now=NOON + MONTH, limit=100, policy=POLICY)
    assert Session.objects.count() == 1


def a_token(*, label, kind="pat", **fields):
    return Token.objects.create(
        kind=kind, key_id=label.ljust(16, "0"), digest=b"", label=label, created_at=NOON, **fields
    )


def test_tokens_go_a_while_after_their_end_and_sign_ins_at_once():
    end = NOON - RetentionPolicy().tokens
    a_token(label="revoked", revoked_at=end)
    a_token(label="expired", expires_at=end)
    a_token(label="just-revoked", revoked_at=end + seconds(1))
    a_token(label="for-ever")
    for key, left_s in (("past", 0), ("present", 1)):
        expires = NOON + seconds(left_s)
        SignIn.objects.create(session_key=key, session_data="", expire_date=expires)
    for age_d in (1, 366):
        LogEntry.objects.create(
            action_time=NOON - seconds(age_d * 86400), user=a_user(), action_flag=2
        )

    retention.delete_bookkeeping(now=NOON, limit=100, policy=POLICY)

    assert set(Token.objects.values_list("label", flat=True)) == {"just-revoked", "for-ever"}
    assert [one.session_key for one in SignIn.objects.all()] == ["present"]
    assert LogEntry.objects.count() == 1


def test_the_hourly_tokens_of_pods_go_a_day_after_their_end():
    ends = {"old": NOON - seconds(86_400), "young": NOON - seconds(86_399)}
    for label, end in ends.items():
        a_token(label=f"{label}-pod", kind="pod", expires_at=NOON, revoked_at=end)
        a_token(label=f"{label}-agent", kind="agt", expires_at=end)
    a_token(label="present-pod", kind="pod", expires_at=NOON + seconds(1))

    retention.delete_bookkeeping(now=NOON, limit=100, policy=POLICY)

    left = {"young-pod", "present-pod", "old-agent", "young-agent"}
    assert set(Token.objects.values_list("label", flat=True)) == left


def test_files_without_a_row_go_after_a_day_and_strangers_stay(tmp_path):
    _, _, artifact = ended(NOON)
    cut_off, unknown = f".{artifact.pk}.part", str(clock.new_id())
    for name in (str(artifact.pk), cut_off, unknown, "README"):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, times=(NOON.timestamp(), NOON.timestamp()))
    assert leftovers.remove(tmp_path, now=NOON + leftovers.GRACE) == 0
    assert leftovers.remove(tmp_path, now=NOON + leftovers.GRACE + seconds(1)) == 2
    assert {path.name for path in tmp_path.iterdir()} == {str(artifact.pk), "README"}
    assert leftovers.remove(tmp_path / "missing", now=NOON) == 0


def months():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent = 'audit_event'::regclass ORDER BY relname"
        )
        return [name.removeprefix("audit_event_") for (name,) in cursor.fetchall()]


def keep_audit_months(now, event_months):
    retention.keep_audit_months(now=now, policy=RetentionPolicy(event_months=event_months))


def test_months_for_events_are_made_ahead_and_old_ones_dropped(empty_history):
    now = datetime(2031, 12, 31, 23, 30, tzinfo=UTC)
    keep_audit_months(now, 13)
    assert months() == ["2031_12", "2032_01", "2032_02", "2032_03", "rest"]

    # Twice changes nothing; a year later history is as long as it is to be kept.
    keep_audit_months(now, 13)
    keep_audit_months(datetime(2032, 3, 1, tzinfo=UTC), 1)
    assert months() == ["2032_02", "2032_03", "2032_04", "2032_05", "2032_06", "rest"]


def test_a_month_whose_events_lie_in_the_rest_stops_no_other_month(caplog):
    a_task(a_pool(), now=datetime(2040, 5, 1, tzinfo=UTC))
    keep_audit_months(datetime(2040, 4, 1, tzinfo=UTC), 1000)
    made = [name for name in months() if name.startswith("2040")]
    assert made == ["2040_04", "2040_06", "2040_07"]
    assert "audit_month_stays_in_rest" in {record.message for record in caplog.records}
