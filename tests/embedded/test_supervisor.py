import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import psycopg
import pytest

from k8s4r.embedded import postgres, records, redis
from tests.waiting import wait_until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")


def url_of_database(platform):
    text = (platform.home / "secrets" / "environment").read_text()
    return re.search(r"^export K8S4R_DATABASE_URL='?([^'\n]*)", text, re.MULTILINE).group(1)


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def lives(platform):
    """Return what a second supervisor must not touch; how a part answered just now is not of it."""
    status = platform.status()
    return status.pid, [(part.name, part.pid, part.restarts) for part in status.parts]


def test_every_part_gets_one_line_with_its_time_and_the_summary_names_the_files(platform):
    supervisor = platform.up("postgres", "redis", "web")
    said = supervisor.said()
    for name in ("postgres", "redis", "web"):
        assert re.search(rf"^  {name} +ready in \d+(\.\d)? s", said, re.MULTILINE)
    assert platform.summary() == {
        "url": f"http://127.0.0.1:{platform.port}",
        "admin_user": "admin",
        "admin_password_file": str(platform.home / "secrets" / "admin_password"),
        "api_token_file": str(platform.home / "secrets" / "api_token"),
        "enrolment_token_file": str(platform.home / "secrets" / "enrolment_token"),
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_reverse_order(platform, number):
    supervisor = platform.up("redis", "web", "worker")
    family = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(family) >= 4
    supervisor.send_signal(number)
    assert supervisor.wait(30) == 0
    assert re.findall(r"^  (\w+) +stopped", supervisor.said(), re.MULTILINE) == [
        "worker",
        "web",
        "redis",
    ]
    assert all(has_ended(process) for process in family)


def test_a_part_that_dies_is_started_again_and_a_line_says_so(platform):
    supervisor = platform.up("redis", "web")
    first = platform.process("web")
    first.kill()
    wait_until(lambda: platform.part("web").restarts == 1)
    wait_until(lambda: platform.part("web").state == "ready")
    assert platform.process("web") != first
    assert re.search(r"web +killed by signal 9 after .*; starting it again in", supervisor.said())


def test_a_disk_that_takes_nothing_brings_no_part_down(platform):
    supervisor = platform.up("redis", "web")
    run = platform.home / "run"
    # Where drafts are written: nothing can be, as on a full disk.
    for name in ("state.draft", "web.draft"):
        (run / name).mkdir()
    first = platform.process("web")
    first.kill()
    wait_until(lambda: supervisor.said().count("web  ") == 3 or supervisor.poll() is not None)
    assert supervisor.poll() is None, supervisor.said()
    for name in ("state.draft", "web.draft"):
        (run / name).rmdir()
    wait_until(lambda: platform.part("web").restarts == 1)
    assert platform.process("web") != first
    assert platform.part("redis").restarts == 0


def test_what_a_dead_part_leaves_in_its_group_does_not_outlive_it(platform):
    platform.up("worker")
    child = platform.process("worker").children()[0]
    platform.process("worker").kill()
    wait_until(lambda: has_ended(child))


def test_a_part_that_dies_again_and_again_is_tried_ever_more_slowly(platform):
    supervisor = platform.up("web")
    for times in (1, 2, 3):
        platform.process("web").kill()
        wait_until(lambda times=times: platform.part("web").restarts == times)
        wait_until(lambda: platform.part("web").state == "ready")
    assert re.findall(r"starting it again in (.*)", supervisor.said()) == [
        "0.5 s",
        "1.0 s",
        "2.0 s",
    ]


def test_a_part_whose_end_is_final_is_not_started_again(platform):
    supervisor = platform.up("redis", "refused")
    wait_until(lambda: platform.part("agent").state == "failed")
    assert "not started again" in supervisor.said()
    assert platform.status().is_well is False


def test_a_part_that_does_not_come_up_stops_all_and_its_last_words_are_shown(platform):
    supervisor = platform.start("redis", "broken")
    assert supervisor.wait(30) == 1
    assert "web ended with code 3" in supervisor.said()
    assert "cannot find my trousers" in supervisor.said()
    assert re.search(r"redis +stopped", supervisor.said())


def test_a_signal_while_parts_are_starting_stops_what_was_started(platform):
    supervisor = platform.start("redis", "slow")
    wait_until((platform.home / "run" / "web.json").exists)
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(30) == 1
    assert all(has_ended(process) for process in family)


def test_a_second_supervisor_says_where_the_first_one_is_and_changes_nothing(platform):
    first = platform.up("redis", "web")
    before = lives(platform)
    second = platform.start("redis", "web")
    assert second.wait(30) == 5
    assert f"already running: http://127.0.0.1:{platform.port}" in second.said()
    assert first.poll() is None
    assert lives(platform) == before


def test_a_port_that_is_taken_is_named_before_anything_starts(platform):
    platform.up("web")
    other = type(platform)(platform.home.parent / "other", port=platform.port)
    refused = other.start("redis", "web")
    assert refused.wait(30) == 1
    assert f"another program listens on 127.0.0.1:{platform.port}" in refused.said()
    assert other.status() is None


@linux_only
def test_after_kill_9_of_the_supervisor_its_parts_end_and_the_next_up_goes_on(platform):
    supervisor = platform.up("postgres", "redis", "web", "worker")
    with psycopg.connect(url_of_database(platform)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    parts = [psutil.Process(part.pid) for part in platform.status().parts]
    supervisor.kill()
    supervisor.wait(10)
    wait_until(lambda: all(has_ended(process) for process in parts))
    platform.up("postgres", "redis", "web", "worker")
    with psycopg.connect(url_of_database(platform)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_kill_9_of_everything_at_once_loses_nothing_that_was_committed(platform):
    supervisor = platform.up("postgres", "redis", "web", "worker")
    with psycopg.connect(url_of_database(platform)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    doomed = [psutil.Process(supervisor.pid)]
    doomed += doomed[0].children(recursive=True)
    for process in reversed(doomed):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    supervisor.wait(10)
    platform.up("postgres", "redis", "web", "worker")
    with psycopg.connect(url_of_database(platform)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def a_sleeper(**environment):
    return subprocess.Popen(
        [sys.executable, "-c", "import threading; threading.Event().wait(120)"],
        env={**os.environ, **environment},
    )


def test_a_part_that_outlived_its_supervisor_is_stopped_by_the_next(platform):
    (platform.home / "run").mkdir(parents=True)
    survivor = a_sleeper()
    records.write(platform.home / "run" / "web.json", records.of(survivor.pid))
    supervisor = platform.up("redis", "web")
    assert survivor.wait(10) == -signal.SIGTERM
    assert f"stopped web (pid {survivor.pid})" in supervisor.said()


def test_a_stranger_with_the_pid_of_an_old_part_is_left_alone(platform):
    (platform.home / "run").mkdir(parents=True)
    stranger = a_sleeper()
    record = {"pid": stranger.pid, "birth": "another-boot:12345"}
    (platform.home / "run" / "web.json").write_text(json.dumps(record))
    platform.up("redis", "web")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait(10)


def test_a_child_of_a_dead_part_is_found_by_its_mark_and_one_of_another_home_is_not(platform):
    ours = a_sleeper(K8S4R_PART="worker", K8S4R_PART_HOME=str(platform.home))
    other = a_sleeper(K8S4R_PART="worker", K8S4R_PART_HOME="/elsewhere")
    platform.up("redis")
    assert ours.wait(10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait(10)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_killed_server_returns_at_the_same_address_with_its_data(platform, name):
    platform.up("postgres", "redis")
    url = url_of_database(platform)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    platform.process(name).kill()
    wait_until(lambda: platform.part(name).restarts >= 1)
    wait_until(lambda: platform.part(name).state == "ready")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_servers_of_the_users_own_are_taken_by_their_urls_and_none_are_started(platform, tmp_path):
    with postgres.start(tmp_path / "pg") as database, redis.start(tmp_path / "redis") as hints:
        platform.variables = {"K8S4R_DATABASE_URL": database.url, "K8S4R_REDIS_URL": hints.url}
        supervisor = platform.up("postgres", "redis", "web")
        assert platform.part("postgres").state == platform.part("redis").state == "external"
        assert len(psutil.Process(supervisor.pid).children()) == 1
        assert url_of_database(platform) == database.url
    assert not (platform.home / "postgres").exists()
