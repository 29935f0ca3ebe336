"""Reports on real rows: what they move, whose they are, what they cost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.core.sessions import SessionSuperseded
from executors.core.lifecycle import AttemptState, StopReason, TaskState
from executors.models import Attempt, Evidence, LogChunk, Task
from executors.services import reporting
from k8s4r import clock
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_pool,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    session_of,
    state_of,
)
from tests.services.agentside import SENT_AT, a_batch, report, says

pytestmark = pytest.mark.django_db


def work(state=AttemptState.ASSIGNED, *, stop_reason="", **task_fields):
    agent = an_agent()
    task = a_task(a_pool(agent), **task_fields)
    return an_attempt(task, agent, state=state, stop_reason=stop_reason)


def history(row):
    events = AuditEvent.objects.filter(object_id=row.pk).order_by("id")
    return [(event.from_state, event.to_state) for event in events if event.from_state]


def test_a_whole_life_in_one_batch_shows_every_step_in_history():
    attempt = work(run_timeout_s=60)

    said = report(
        attempt,
        says(attempt, 1, "started", ago=50, pid=42),
        says(attempt, 2, "log", ago=40, data=b"hello"),
        says(attempt, 3, "finished", ago=30, exit_code=0),
    )

    assert said == ["ok", "ok", "ok"]
    assert history(attempt.task)[-2:] == [("dispatching", "running"), ("running", "completed")]
    assert history(attempt) == [("assigned", "running"), ("running", "succeeded")]
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.started_at, task.ended_at) == (NOON + seconds(50), NOON + seconds(70))
    assert (task.exit_code, task.log_bytes) == (0, 5)
    stored = Attempt.objects.get(pk=attempt.pk)
    assert (stored.pid, stored.last_seq) == (42, 3)
    assert stored.run_deadline_at == NOON + seconds(50 + 60)
    assert bytes(LogChunk.objects.get(attempt=attempt, seq=2).data) == b"hello"


def test_events_name_the_agent_that_reported():
    attempt = work()
    report(attempt, says(attempt, 1, "started"))
    for row in (attempt, attempt.task):
        event = AuditEvent.objects.filter(object_id=row.pk).latest("id")
        assert (event.actor_kind, event.actor_id) == ("agent", str(attempt.agent_id))
        assert event.cause == "report"


def test_the_same_batch_again_is_all_duplicates_and_changes_nothing():
    attempt = work()
    items = [
        says(attempt, 1, "started"),
        says(attempt, 2, "log"),
        says(attempt, 3, "finished", exit_code=1),
    ]
    report(attempt, *items)
    before = Task.objects.values().get(pk=attempt.task_id)

    assert report(attempt, *items, at_s=200) == ["duplicate"] * 3

    assert Task.objects.values().get(pk=attempt.task_id) == before
    assert LogChunk.objects.filter(attempt=attempt).count() == 1
    assert not Evidence.objects.filter(attempt_id=attempt.pk).exists()


def test_another_result_for_an_ended_attempt_is_a_conflict_and_kept_as_evidence():
    attempt = work(AttemptState.RUNNING)
    report(attempt, says(attempt, 1, "finished", exit_code=1))

    assert report(attempt, says(attempt, 1, "finished", exit_code=0)) == ["conflict"]

    assert state_of(attempt.task) == TaskState.FAILED
    evidence = Evidence.objects.get(attempt_id=attempt.pk)
    assert evidence.status == "conflict"
    assert b'"exit_code":0' in bytes(evidence.payload)


def test_evidence_of_one_attempt_is_bounded():
    attempt = work(AttemptState.RUNNING)
    report(attempt, says(attempt, 1, "finished", exit_code=1))
    for _ in range(20):
        report(attempt, says(attempt, 2, "log", data=b"x" * 60_000))
    kept = list(Evidence.objects.filter(attempt_id=attempt.pk))
    assert len(kept) == 16
    assert max(len(row.payload) for row in kept) <= 65536


def test_a_gap_asks_for_what_is_missing():
    attempt = work(AttemptState.RUNNING)
    batch = a_batch(attempt, says(attempt, 1, "log"), says(attempt, 3, "log"))
    (answer,) = reporting.record([batch], now=NOON + seconds(1))
    assert [(one.status, one.expected) for one in answer.results] == [("ok", None), ("gap", 2)]


@pytest.mark.parametrize("forged", ["token", "agent", "attempt"])
def test_nobody_reports_about_what_is_not_theirs(forged):
    attempt, stranger = work(), an_agent()
    whence = {}
    item = says(attempt, 1, "finished", exit_code=0)
    if forged == "token":
        item = says(attempt, 1, "finished", exit_code=0, token="att_made_up")
    elif forged == "agent":
        whence = {"agent": stranger.pk, "session": session_of(stranger).pk}
    else:
        attempt.pk = clock.new_id()
        item = says(attempt, 1, "finished", exit_code=0)

    assert report(attempt, item, **whence) == ["superseded"]

    assert state_of(attempt.task) == TaskState.DISPATCHING
    assert not Evidence.objects.filter(attempt_id=attempt.pk).exists()


def test_a_batch_of_an_ended_session_counts_for_nothing_and_is_kept():
    attempt = work(AttemptState.RUNNING)
    session_of(attempt.agent).__class__.objects.filter(pk=attempt.session_id).update(ended_at=NOON)

    with pytest.raises(SessionSuperseded):
        report(attempt, says(attempt, 1, "finished", exit_code=0))

    assert state_of(attempt) == AttemptState.RUNNING
    assert Evidence.objects.get(attempt_id=attempt.pk).status == "superseded"


def test_one_bad_batch_leaves_the_others_their_answers():
    good, bad = work(AttemptState.RUNNING), work(AttemptState.RUNNING)
    batches = [
        a_batch(bad, says(bad, 1, "log"), session=clock.new_id()),
        a_batch(good, says(good, 1, "finished", exit_code=0)),
    ]
    first, second = reporting.record(batches, now=NOON + seconds(1))
    assert isinstance(first, SessionSuperseded)
    assert second.results[0].status == "ok"
    assert state_of(good.task) == TaskState.COMPLETED


@pytest.mark.parametrize(
    ("reason", "said", "state"),
    [
        ("cancel", ("stopped", {"reason": "cancel"}), TaskState.CANCELLED),
        ("cancel", ("finished", {"exit_code": 143}), TaskState.CANCELLED),
        ("cancel", ("finished", {"exit_code": 0}), TaskState.COMPLETED),
        ("run_deadline", ("stopped", {"reason": "run_deadline"}), TaskState.TIMED_OUT),
        ("silence_deadline", ("finished", {"exit_code": 1}), TaskState.TIMED_OUT),
    ],
)
def test_the_end_of_a_stopping_attempt_decides(reason, said, state):
    attempt = work(AttemptState.STOPPING, stop_reason=StopReason(reason))
    kind, fields = said
    assert report(attempt, says(attempt, 1, kind, **fields)) == ["ok"]
    assert state_of(attempt.task) == state


def test_a_stop_before_the_start_was_reported_still_ends_well():
    attempt = work(AttemptState.ASSIGNED)
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="cancel")
    assert report(attempt, says(attempt, 1, "started", ago=5)) == ["ok"]
    assert state_of(attempt.task) == TaskState.RUNNING
    assert report(attempt, says(attempt, 2, "finished", exit_code=0)) == ["ok"]
    assert state_of(attempt.task) == TaskState.COMPLETED
    assert Attempt.objects.get(pk=attempt.pk).started_at == NOON + seconds(95)


def test_how_long_work_ran_does_not_depend_on_how_long_its_reports_travelled():
    attempt = work()
    report(attempt, says(attempt, 1, "started", ago=30), at_s=100)
    ended = says(attempt, 2, "finished", ago=10, exit_code=0, started_at=SENT_AT - 30)
    report(attempt, ended, at_s=107.5)
    kept = Attempt.objects.get(pk=attempt.pk)
    assert (kept.started_at, kept.ended_at) == (NOON + seconds(70), NOON + seconds(90))


def test_success_without_any_start_is_still_a_success():
    attempt = work()
    report(attempt, says(attempt, 1, "finished", exit_code=0, started_at=990.0))
    assert history(attempt.task)[-2:] == [("dispatching", "running"), ("running", "completed")]
    assert Task.objects.get(pk=attempt.task_id).started_at == NOON + seconds(90)


def test_a_command_that_cannot_start_fails_with_its_reason():
    attempt = work()
    report(
        attempt,
        says(attempt, 1, "finished", signal_reason="process_run_error", message="no such file"),
    )
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.state, task.reason) == (TaskState.FAILED, "process_run_error")
    assert task.message == "no such file"
    assert task.started_at is None


@pytest.mark.parametrize("reason", ["agent_stop", "disconnected", "runner_lost"])
def test_work_that_the_agent_ended_by_itself_goes_back_to_the_queue(reason):
    attempt = work(AttemptState.RUNNING)
    report(attempt, says(attempt, 1, "stopped", reason=reason))
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.state, task.reason, task.run_after) == (TaskState.PENDING, "agent_lost", None)
    assert state_of(attempt) == AttemptState.STOPPED


def test_a_failure_is_tried_again_after_the_delay_of_its_policy():
    retry = {"max_attempts": 2, "delay": "constant", "base_s": 30, "jitter": 0, "on": ["failed"]}
    attempt = work(AttemptState.RUNNING, retry=retry)
    report(attempt, says(attempt, 1, "finished", exit_code=1))
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.state, task.run_after) == (TaskState.PENDING, NOON + seconds(130))
    assert (task.exit_code, task.ended_at) == (None, None)


def test_a_refused_order_goes_back_to_the_queue():
    attempt = work()
    report(attempt, says(attempt, 1, "refused"))
    assert state_of(attempt) == AttemptState.REFUSED
    assert state_of(attempt.task) == TaskState.PENDING


def test_work_of_unknown_fate_is_adopted_by_its_first_word_and_keeps_its_order_to_stop():
    plain, stopping = work(AttemptState.RUNNING), work(AttemptState.RUNNING)
    Attempt.objects.filter(pk__in=[plain.pk, stopping.pk]).update(state="unknown")
    Attempt.objects.filter(pk=stopping.pk).update(stop_reason="run_deadline")
    Task.objects.filter(pk__in=[plain.task_id, stopping.task_id]).update(state="unknown")

    for attempt in (plain, stopping):
        assert report(attempt, says(attempt, 1, "progress")) == ["ok"]
        assert state_of(attempt.task) == TaskState.RUNNING

    assert state_of(plain) == AttemptState.RUNNING
    assert state_of(stopping) == AttemptState.STOPPING


def test_output_is_kept_up_to_the_tasks_limit():
    attempt = work(AttemptState.RUNNING, spec={"output_limit_bytes": 5})
    said = report(
        attempt,
        says(attempt, 1, "log", data=b"abc"),
        says(attempt, 2, "log", data=b"defg"),
        says(attempt, 3, "log", data=b"h"),
    )
    assert said == ["ok"] * 3
    chunks = LogChunk.objects.filter(attempt=attempt).order_by("seq")
    assert b"".join(bytes(chunk.data) for chunk in chunks) == b"abcde"
    assert Task.objects.get(pk=attempt.task_id).log_bytes == 5


def a_busy_fleet(count):
    agents = [an_agent() for _ in range(count)]
    pool = a_pool(*agents)
    tasks = a_tasks(pool, count)
    return [an_attempt(task, agent) for task, agent in zip(tasks, agents, strict=True)]


def test_fifty_agents_cost_as_many_statements_as_one():
    def statements(count):
        attempts = a_busy_fleet(count)
        batches = [
            a_batch(
                attempt,
                says(attempt, 1, "started"),
                says(attempt, 2, "log"),
                says(attempt, 3, "finished", exit_code=0),
            )
            for attempt in attempts
        ]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answers = reporting.record(batches, now=NOON + seconds(9))
        assert all(one.status == "ok" for answer in answers for one in answer.results)
        assert {state_of(attempt.task) for attempt in attempts} == {TaskState.COMPLETED}
        return len(queries)

    assert statements(1) == statements(50) <= 14
