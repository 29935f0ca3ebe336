"""run and logs: as if the command ran here, whoever interrupts it."""

import signal

from executors.models import Task
from tests.builders import a_requirement, a_task, state_of
from tests.cli.work import a_running_task, ends, working, writes
from tests.waiting import wait_until


def test_run_feels_as_if_the_command_ran_here(cli, gateway, agent):
    with working(
        gateway, agent, ("stdout", b"out\n"), ("stderr", b"err\n"), ("stdout", b"\xff"), exit_code=3
    ):
        process = cli.start("--quiet", "run", "--name", "job", "--", "make", "-j4", "it all")
        process.wait(30)
    assert process.returncode == 3
    assert process.stdout.buffer.read() == b"out\n\xff"
    assert process.stderr.buffer.read() == b"err\n"
    assert Task.objects.get(name="job").spec["argv"] == ["make", "-j4", "it all"]


def test_run_says_why_the_task_failed(cli, gateway, agent):
    with working(gateway, agent, exit_code=7):
        said = cli("run", "false")
    assert (said.code, said.out) == (7, "")
    assert said.err.splitlines()[-1] == "failed: exit code 7"


def test_run_detached_prints_the_id_and_nothing_else(cli, agent):
    said = cli(
        "run", "--detach", "--require", "a=b", "--label", "batch=7", "--priority", "9",
        "--timeout", "1h", "--attempts", "4", "--env", "HOME", "--env", "X=1", "true", HOME="/here",
    )  # fmt: skip
    task = Task.objects.get(pk=said.out.strip())
    assert (task.requirement.labels, task.labels) == ({"a": "b"}, {"batch": "7"})
    assert (task.priority, task.run_timeout_s, task.retry["max_attempts"]) == (9, 3_600, 4)
    assert task.spec["env"] == {"HOME": "/here", "X": "1"}


def test_run_says_why_the_task_waits(cli):
    process = cli.start("run", "--require", "gpu=a100", "true")
    task = wait_until(Task.objects.first)
    lines = [process.stderr.readline() for _ in range(2)]
    assert lines[0] == f"task {task.pk}\n"
    assert lines[1].startswith("waiting (no_agents): ")


def test_an_interrupt_leaves_the_task_and_says_how_to_follow_it_again(cli, pool, agent):
    process = cli.start("run", "sleep", "60")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    task = Task.objects.get()
    assert process.returncode == 130
    assert "Ctrl-C again within 3 s cancels the task" in err
    assert f"k8s4r logs -f {task.pk}" in err
    assert state_of(task) not in {"cancelled", "completed"}


def test_a_second_interrupt_cancels_the_task(cli, pool):
    process = cli.start("run", "--require", "gpu=a100", "sleep", "60")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    while "again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert state_of(Task.objects.get()) == "cancelled"


def test_logs_are_printed_whole_and_by_their_last_lines(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    for seq, data in enumerate((b"one\ntw", b"o\nthree\n", b"four"), start=2):
        writes(attempt, seq, data)
    assert cli("logs", "build").out == "one\ntwo\nthree\nfour"
    assert cli("logs", "build", "--tail", "2").out == "three\nfour"
    stamped = cli("logs", "build", "--timestamps").out.splitlines()
    assert [line.split(" ")[1] for line in stamped] == ["one", "two", "three", "four"]


def test_a_followed_log_ends_with_the_task_and_with_its_code(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"one\n")
    process = cli.start("logs", "-f", "build")
    assert process.stdout.readline() == "one\n"
    writes(attempt, 3, b"two\n")
    assert process.stdout.readline() == "two\n"
    ends(attempt, state="failed", exit_code=4, reason="exit_code")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (4, "", "failed: exit code 4\n")


def test_following_from_the_last_lines_loses_and_repeats_nothing(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"one\ntwo\nthree\n")
    process = cli.start("logs", "-f", "--tail", "1", "build")
    assert process.stdout.readline() == "three\n"
    writes(attempt, 3, b"four\n")
    ends(attempt)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "four\n")


def test_interrupting_a_followed_log_leaves_the_task(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"one\n")
    process = cli.start("logs", "-f", "build")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"k8s4r cancel {attempt.task_id}" in err
    assert state_of(attempt.task_id) == "running"


def test_the_log_of_a_task_that_waits_is_the_reason(cli, pool):
    a_task(pool, name="train", requirement=a_requirement(pool, labels={"gpu": "a100"}))
    said = cli("logs", "train")
    assert (said.code, said.out) == (8, "")
    assert said.err.startswith("waiting (no_agents): ")


def test_the_log_of_a_silent_task_says_so(cli, pool, agent):
    a_running_task(pool, agent, "build")
    said = cli("logs", "build")
    assert (said.code, said.out, said.err) == (0, "", "running, nothing written yet\n")
