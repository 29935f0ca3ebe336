"""Periodic jobs: each due one runs once, one that fails stops no other."""

from collections import Counter

import pytest
from django.db import connection

from executors import conf, sweeps, tasks
from executors.core.schedule import PERIODS, Job
from executors.models import Artifact, Attempt, Pulse, Task
from executors.services import ticks
from k8s4r import celery
from tests.builders import NOON, a_pool, a_task, a_tasks, an_agent, an_attempt, seconds, state_of

pytestmark = pytest.mark.django_db

JOBS = [str(job) for job in Job]


def test_the_first_round_runs_every_job_and_a_second_at_once_none():
    assert sweeps.run_due(NOON) == JOBS
    assert sweeps.run_due(NOON) == []


def test_a_job_is_due_again_after_its_period():
    sweeps.run_due(NOON + seconds(1))
    assert sweeps.run_due(NOON + seconds(2)) == ["delayed"]
    assert sweeps.run_due(NOON + seconds(3)) == [
        "run_deadlines", "queue_deadlines", "departures", "delayed", "pauses", "dispatch",
    ]  # fmt: skip


def test_a_tick_that_a_worker_took_is_not_run_by_a_gateway():
    assert sweeps.run([Job.LEASES], NOON + seconds(5)) == ["leases"]
    assert sweeps.run([Job.LEASES], NOON + seconds(6)) == []
    assert "leases" not in sweeps.run_due(NOON + seconds(6))
    assert "leases" in sweeps.run_due(NOON + seconds(11))


def test_a_gateway_gives_workers_a_head_start():
    sweeps.run_due(NOON + seconds(1))
    assert "leases" not in sweeps.run_due(NOON + seconds(5))
    assert "leases" in sweeps.run_due(NOON + seconds(6))


def test_the_sweeper_says_that_it_lives():
    sweeps.run_due(NOON)
    assert Pulse.objects.get(source="sweeper").seen_at == NOON


def test_waiting_tasks_run_without_any_nudge():
    pools = [a_pool(an_agent()), a_pool(an_agent())]
    waiting = [a_task(pool) for pool in pools]
    sweeps.run([Job.DISPATCH], NOON)
    assert [state_of(task) for task in waiting] == ["dispatching", "dispatching"]


def test_a_delayed_task_is_released_and_placed_by_the_jobs_alone():
    task = a_task(a_pool(an_agent()), run_after=NOON + seconds(10))
    sweeps.run_due(NOON + seconds(9))
    assert not Attempt.objects.filter(task=task).exists()
    sweeps.run_due(NOON + seconds(11))
    assert Attempt.objects.filter(task=task).exists()


def test_more_rows_than_one_batch_takes_are_done_in_one_run():
    count = 2 * 500 + 1
    a_tasks(a_pool(), count, queue_deadline_at=NOON)
    sweeps.run([Job.QUEUE_DEADLINES], NOON)
    assert Task.objects.filter(state="timed_out").count() == count


def test_retention_removes_the_files_of_what_it_deletes():
    agent = an_agent()
    task = a_task(a_pool(agent))
    attempt = an_attempt(task, agent, state="running")
    long_ago = NOON - seconds(31 * 86400)
    Attempt.objects.filter(pk=attempt.pk).update(state="succeeded", ended_at=long_ago)
    Task.objects.filter(pk=task.pk).update(state="completed", ended_at=long_ago)
    artifact = Artifact.objects.create(
        attempt=attempt, name="plan", sha256="0" * 64, size_bytes=1, stored_at=long_ago
    )
    conf.artifacts_dir().mkdir(parents=True, exist_ok=True)
    file = conf.artifacts_dir() / str(artifact.pk)
    file.write_bytes(b"x")

    sweeps.run([Job.RETENTION], NOON)

    assert not file.exists()
    assert not Task.objects.exists()


@pytest.fixture
def _no_pulses_can_be_read(transactional_db):
    def rename(old, new):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("executors_pulse", "executors_pulse_away")
    yield
    rename("executors_pulse_away", "executors_pulse")


@pytest.mark.usefixtures("_no_pulses_can_be_read")
def test_a_job_that_fails_is_named_in_the_log_and_stops_no_other(caplog):
    task = a_task(a_pool(), queue_deadline_at=NOON)

    assert sweeps.run_due(NOON + seconds(1)) == JOBS

    failed = {record.sweep for record in caplog.records if record.message == "sweep_failed"}
    assert failed == {"pulse", "leases", "silence", "heartbeats", "audit_seal"}
    assert state_of(task) == "timed_out"


def test_every_job_of_the_schedule_has_its_work_and_its_place_in_beat():
    assert list(sweeps.SWEEPS) == list(Job)
    sent = [one for one in celery.beat_table().values() if one["task"] == "executors.sweep"]
    assert Counter(job for entry in sent for job in entry["args"]) == dict.fromkeys(JOBS, 1)
    for entry in sent:
        assert entry["schedule"] == min(PERIODS[Job(job)] for job in entry["args"])
        assert entry["options"]["expires"] == entry["schedule"].total_seconds()


def test_a_long_job_of_housekeeping_is_sent_alone():
    table = celery.beat_table()
    assert table["retention"]["args"] == ("retention",)
    assert table["audit_months"]["args"] == ("audit_months",)


def test_beat_sleeps_until_the_next_message_is_due():
    assert celery.app.conf.beat_scheduler == "k8s4r.celery:Punctual"
    assert celery.Punctual(celery.app, lazy=True).adjust(0.5) == 0.5


def test_every_task_that_is_sent_by_name_is_registered():
    celery.app.loader.import_default_modules()
    sent = {entry["task"] for entry in celery.beat_table().values()}
    assert sent <= set(celery.app.tasks)
    assert {entry["options"]["queue"] for entry in celery.beat_table().values()} <= {
        queue.name for queue in celery.app.conf.task_queues
    }


def test_the_beat_task_runs_its_jobs():
    task = a_task(a_pool(), queue_deadline_at=NOON)
    tasks.sweep.apply(args=("queue_deadlines", "dispatch"), throw=True)
    assert state_of(task) == "timed_out"


def test_a_canary_leaves_its_sign():
    tasks.canary.apply(args=("sweeps",), throw=True)
    assert Pulse.objects.filter(source="queue.sweeps").exists()


def test_ticks_of_a_failed_job_stay_taken_until_the_next_one():
    ticks.take({"leases": NOON}, now=NOON)
    assert "leases" not in sweeps.run_due(NOON + seconds(1))
    assert "leases" in sweeps.run_due(NOON + seconds(6))


def test_celery_keeps_the_limits_that_make_its_redelivery_harmless():
    conf = celery.app.conf
    assert conf.task_time_limit * 2 < conf.visibility_timeout
    places = (
        conf.visibility_timeout,
        conf.broker_transport_options["visibility_timeout"],
        conf.result_backend_transport_options["visibility_timeout"],
    )
    assert set(places) == {300}
    assert (conf.accept_content, conf.task_serializer) == (["json"], "json")
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert not conf.worker_enable_remote_control
    assert conf.task_ignore_result
