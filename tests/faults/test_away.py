"""Somebody is away for a while: the server, Redis, every worker, an agent's link."""

import signal
import threading
from contextlib import suppress

import psutil
import psycopg
import pytest

from tests import fleet
from tests.faults import operations, witness
from tests.faults.operations import attempts, ended, frozen, pid_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

# The process table and /proc/uptime are coarse, and the machine is shared; what a mistake here
# costs is seconds.
CLOCKS_AGREE_S = 0.25


@pytest.fixture(scope="module")
def platform():
    with fleet.platform(**operations.QUICK) as running:
        yield running


def start(platform, folder, number, *, ticks, **fields):
    """Submit a witness and wait until it works; return its id."""
    (identity,) = operations.submit(
        platform, [witness.request(folder, number, ticks=ticks, **fields)]
    )
    wait_until(lambda: working(folder, number), timeout_s=60)
    return identity


def working(folder, number):
    path = folder / str(number)
    return path.exists() and len(witness.steps(path)) > 2


def steps(folder, number):
    return witness.steps(folder / str(number))


def has_ended(folder, number):
    return any(step.name == "end" for step in steps(folder, number))


def is_gone(pid):
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def pause(seconds):
    threading.Event().wait(seconds)


def assert_times_are_exact(task, seen):
    shown = operations.seconds_between(task["started_at"], task["ended_at"])
    witnessed = seen[-1].uptime_s - seen[0].uptime_s
    assert shown == pytest.approx(witnessed, abs=CLOCKS_AGREE_S)


def test_what_ended_while_the_server_was_away_is_not_run_again_and_its_times_are_exact(
    platform, tmp_path
):
    with operations.crew(platform, 1, slots=1):
        identity = start(platform, tmp_path, 0, ticks=15)
        with frozen(pid_of(platform, "web")):
            wait_until(lambda: has_ended(tmp_path, 0), timeout_s=30)
            pause(2)
        task = ended(platform, identity)

    assert (task["state"], task["attempts_made"]) == ("completed", 1)
    assert_times_are_exact(task, steps(tmp_path, 0))


def test_replaced_work_is_stopped_before_its_next_attempt_and_waiting_work_is_adopted(
    platform, tmp_path
):
    """The server is away for longer than the stop time of the first task (4 s)."""
    with operations.crew(platform, 1, slots=2):
        waiting = start(platform, tmp_path, 1, ticks=120, lost_after_s=8, disconnect="wait")
        replaced = start(platform, tmp_path, 0, ticks=80, lost_after_s=8)
        with frozen(pid_of(platform, "web")):
            wait_until(lambda: is_gone(steps(tmp_path, 0)[0].pid), timeout_s=30)
            pause(1)
        again, adopted = ended(platform, replaced), ended(platform, waiting)
        first, second = attempts(platform, replaced)

    assert (again["state"], again["attempts_made"]) == ("completed", 2)
    assert (first["state"], first["reason"]) == ("stopped", "disconnected")
    assert second["state"] == "succeeded"
    assert not list(witness.overlaps(tmp_path))
    assert (adopted["state"], adopted["attempts_made"]) == ("completed", 1)
    assert len({step.pid for step in steps(tmp_path, 1)}) == 1


def test_an_agent_that_is_not_heard_loses_its_work_to_another_but_not_what_must_wait(
    platform, tmp_path
):
    with operations.crew(platform, 2, slots=2) as agents:
        (other,) = (
            agent["id"]
            for agent in platform.get("/api/v1/agents?limit=200")["items"]
            if agent["name"] == "bench-1"
        )
        platform.post(f"/api/v1/agents/{other}/pause", {})
        waiting = start(platform, tmp_path, 1, ticks=200, lost_after_s=8, disconnect="wait")
        replaced = start(platform, tmp_path, 0, ticks=80, lost_after_s=8)
        platform.post(f"/api/v1/agents/{other}/resume", {})
        # The runner is silenced as a broken network would do it: nothing it says gets out.
        with frozen(operations.link_of(agents[0]).pid):
            again = ended(platform, replaced)
            first, second = attempts(platform, replaced)
            (held,) = attempts(platform, waiting)
            assert [one["state"] for one in (first, second, held)] == [
                "lost",
                "succeeded",
                "unknown",
            ]
            assert first["agent_id"] != second["agent_id"] == other
        adopted = ended(platform, waiting)

    assert again["state"] == "completed"
    assert not list(witness.overlaps(tmp_path))
    assert (adopted["state"], adopted["attempts_made"]) == ("completed", 1)
    assert len({step.pid for step in steps(tmp_path, 1)}) == 1


# What ten minutes of absence leave behind: everybody's last word is that old.
TEN_MINUTES_LATER = """
UPDATE agents_session SET last_heartbeat_at = last_heartbeat_at - interval '10 minutes'
WHERE ended_at IS NULL;
UPDATE executors_pulse SET seen_at = seen_at - interval '10 minutes',
    steady_since = steady_since - interval '10 minutes';
"""


def test_a_control_plane_that_was_down_for_ten_minutes_expires_nobody_by_itself(platform, tmp_path):
    with operations.crew(platform, 1, slots=2) as agents:
        link = operations.link_of(agents[0]).pid
        ids = [
            start(platform, tmp_path, number, ticks=180, lost_after_s=30, disconnect=policy)
            for number, policy in enumerate(["replace", "wait"])
        ]
        web, worker = pid_of(platform, "web"), pid_of(platform, "worker")
        url = psutil.Process(web).environ()["K8S4R_DATABASE_URL"]
        # The agent stays away a little longer than the control plane: two lease sweeps at least.
        with frozen(link):
            with frozen(web, *operations.family(worker)):
                pause(1)
                with psycopg.connect(url) as connection:
                    connection.execute(TEN_MINUTES_LATER)
            pause(11)
            states = [operations.task(platform, identity)["state"] for identity in ids]
        tasks = [ended(platform, identity) for identity in ids]

    assert states == ["running", "running"]
    assert [(task["state"], task["attempts_made"]) for task in tasks] == [("completed", 1)] * 2
    assert [len({step.pid for step in steps(tmp_path, number)}) for number in (0, 1)] == [1, 1]


def within(platform, identity, seconds):
    """Did the task start so soon after its submission?"""
    task = ended(platform, identity)
    return operations.seconds_between(task["submitted_at"], task["started_at"]) < seconds


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_tasks_that_are_submitted_while_redis_is_away_run_within_five_seconds(
    platform, tmp_path, how
):
    with operations.crew(platform, 1, slots=4):
        redis = pid_of(platform, "redis")
        with frozen(redis):
            if how == "killed":
                operations.kill(redis)
            requests = [witness.request(tmp_path, number, ticks=1) for number in range(12)]
            ids = operations.submit(platform, requests)
            assert all(within(platform, identity, 5) for identity in ids)


def test_work_flows_without_any_worker_retries_and_deadlines_included(platform, tmp_path):
    failing = {
        "spec": {"argv": ["/bin/false"]},
        "retry": {"attempts": 2, "delay": "constant", "base_s": 0.5, "on": ["failed"]},
    }
    slow = {"spec": {"argv": ["/bin/sleep", "60"]}, "run_timeout_s": 1}
    worker = operations.family(pid_of(platform, "worker"))
    with operations.crew(platform, 1, slots=4), frozen(*worker):
        ids = operations.submit(platform, [witness.request(tmp_path, 0, ticks=1), failing, slow])
        outcomes = [ended(platform, identity) for identity in ids]

    assert [task["state"] for task in outcomes] == ["completed", "failed", "timed_out"]
    assert [task["attempts_made"] for task in outcomes] == [1, 2, 1]


def test_a_cancel_reaches_a_running_process_at_once(platform, tmp_path):
    with operations.crew(platform, 1, slots=1):
        identity = start(platform, tmp_path, 0, ticks=600)
        pid = steps(tmp_path, 0)[0].pid

        platform.post(f"/api/v1/tasks/{identity}/cancel", {})

        wait_until(lambda: is_gone(pid), timeout_s=5)
        task = ended(platform, identity)
    assert task["state"] == "cancelled"
    assert operations.seconds_between(task["stop_requested_at"], task["ended_at"]) < 1


def test_a_killed_link_is_replaced_and_nothing_of_the_work_is_lost(platform, tmp_path):
    count = 40
    script = f"{witness.STEPS}\necho last; exit 7"
    script = script.replace("say tick;", "say tick; echo line $n;")
    request = witness.request(tmp_path, 0, ticks=count)
    request["spec"]["argv"] = ["/bin/sh", "-c", script]
    with operations.crew(platform, 1, slots=1) as agents:
        (identity,) = operations.submit(platform, [request])
        for mark in (4, 14, 24):
            wait_until(lambda mark=mark: working_for(tmp_path, mark), timeout_s=60)
            link = operations.link_of(agents[0])
            link.send_signal(signal.SIGKILL)
            wait_until(lambda link=link: operations.link_of(agents[0]).pid != link.pid)
        task = ended(platform, identity)
        (attempt,) = attempts(platform, identity)
        written = operations.log(platform, identity)

    seen = steps(tmp_path, 0)
    assert {step.pid for step in seen} == {attempt["pid"]}
    assert [step.name for step in seen] == ["start", *["tick"] * count, "end"]
    assert (task["state"], attempt["exit_code"]) == ("failed", 7)
    assert written.decode().splitlines() == [
        *(f"line {number}" for number in range(1, count + 1)), "last",
    ]  # fmt: skip
    assert_times_are_exact(task, seen)


def working_for(folder, count):
    path = folder / "0"
    return path.exists() and len(witness.steps(path)) > count


def test_work_is_not_given_to_an_agent_that_has_left_in_good_order(platform, tmp_path):
    with operations.crew(platform, 1, slots=1):
        pass
    (identity,) = operations.submit(platform, [witness.request(tmp_path, 0, ticks=1)])
    with fleet.agents(platform, 1, slots=1, options=operations.QUICK_AGENT):
        task = ended(platform, identity)
    assert (task["state"], task["attempts_made"]) == ("completed", 1)
