import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from k8s4r.embedded import records
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
APP = (
    "import typer; from k8s4r.cli.commands import platform;"
    "app = typer.Typer(); platform.register(app); app()"
)
ANSWER = {"url", "admin_user", "admin_password_file", "api_token_file", "enrolment_token_file"}


@pytest.fixture
def k8s4r(platform):
    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-c", APP, *arguments],
            env={**platform.environment, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    return run


def test_status_of_nothing_is_exit_code_1_and_names_the_data_folder(k8s4r, platform):
    said = k8s4r("status")
    assert said.returncode == 1
    assert said.stdout == ""
    assert str(platform.home) in said.stderr
    as_json = k8s4r("status", "--output", "json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout) == {"pid": None, "url": None, "is_up": False, "parts": []}


def test_status_of_a_platform_that_is_up_lists_its_parts_with_exit_code_0(k8s4r, platform):
    supervisor = platform.up("redis", "web")
    said = k8s4r("status")
    assert said.returncode == 0
    assert [line.split()[:2] for line in said.stdout.splitlines()[1:3]] == [
        ["redis", "ready"],
        ["web", "ready"],
    ]
    found = json.loads(k8s4r("status", "-o", "json").stdout)
    assert found["pid"] == supervisor.pid
    assert [part["state"] for part in found["parts"]] == ["ready", "ready"]


def test_status_is_exit_code_1_while_a_part_is_down(k8s4r, platform):
    platform.up("redis", "refused")
    wait_until(lambda: platform.part("agent").state == "failed")
    assert k8s4r("status").returncode == 1


def test_down_stops_the_platform_and_again_is_no_error(k8s4r, platform):
    supervisor = platform.up("redis", "web")
    first = k8s4r("down")
    assert (first.returncode, supervisor.wait(10)) == (0, 0)
    assert "k8s4r is down" in first.stderr
    second = k8s4r("down")
    assert second.returncode == 0
    assert "was not running" in second.stderr


def test_down_stops_what_a_killed_supervisor_left_behind(k8s4r, platform):
    (platform.home / "run").mkdir(parents=True)
    survivor = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    records.write(platform.home / "run" / "web.json", records.of(survivor.pid))
    assert k8s4r("down").returncode == 0
    assert survivor.wait(10) == -signal.SIGTERM


def test_up_beside_a_platform_that_is_up_says_where_it_is(k8s4r, platform):
    platform.up("redis", "web")
    said = k8s4r("up", "--detach", "--output", "json")
    assert said.returncode == 0
    assert set(json.loads(said.stdout)) == ANSWER
    assert platform.summary()["url"] in k8s4r("up", "--detach").stderr
    foreground = k8s4r("up")
    assert foreground.returncode == 5
    assert platform.summary()["url"] in foreground.stderr


def test_a_port_that_is_none_is_refused_before_anything_starts(k8s4r, platform):
    said = k8s4r("up", "--detach", K8S4R_PORT="http")
    assert said.returncode == 1
    assert "K8S4R_PORT" in said.stderr
    assert not platform.home.exists()


def test_a_data_folder_that_cannot_be_made_is_named_in_one_line(k8s4r, tmp_path):
    (tmp_path / "file").write_text("")
    said = k8s4r("up", "--detach", K8S4R_HOME=str(tmp_path / "file" / "home"))
    assert said.returncode == 1
    assert said.stderr.startswith("error: ")
    assert len(said.stderr.splitlines()) == 1
    assert str(tmp_path / "file") in said.stderr


@pytest.mark.parametrize("module", ["k8s4r.cli.commands.platform", "k8s4r.embedded.__main__"])
def test_neither_the_command_nor_the_supervisor_loads_the_server(module):
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert module in loaded
    assert not {"django", "celery", "agents", "executors", "pools", "psycopg"} & set(loaded)


@pytest.mark.processes
def test_the_whole_platform_comes_up_runs_a_first_task_and_keeps_it_over_a_restart(k8s4r, platform):
    first = k8s4r("up", "--detach", "--output", "json")
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    try:
        for name in ANSWER - {"url", "admin_user"}:
            assert Path(found[name]).stat().st_mode & 0o777 == 0o600
        assert k8s4r("status").returncode == 0
        ran = run_first_task(platform)
        assert ran.returncode == 0, ran.stderr
        assert "Hello from k8s4r" in ran.stdout
        assert by_link(ran.stdout).endswith("/admin/")
        assert by_link(k8s4r("sign-in").stdout).endswith("/admin/")
        nobody = k8s4r("sign-in", "nobody")
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert nobody.stderr == "error: nobody who may sign in has the name nobody\n"
        supervisor = records.of(platform.status().pid)
    finally:
        assert k8s4r("down").returncode == 0
    wait_until(lambda: not supervisor.is_alive())
    parts = {"postgres", "redis", "web", "kube_watch"}
    assert in_the_foreground(platform, "--no-agent", "--no-worker") == parts


def in_the_foreground(platform, *options):
    """Run `k8s4r up` until it says that it is up, and stop it as Ctrl-C does; return its parts."""
    process = subprocess.Popen(
        [sys.executable, "-c", APP, "up", "--output", "json", *options],
        env=platform.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    platform.started.append(process)
    wait_until(lambda: process.poll() is not None or platform.is_up(process.pid), timeout_s=120)
    names = {part.name for part in platform.status().parts}
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert set(json.loads(said)) == ANSWER
    return names


def by_link(said):
    """Follow the link to sign in that stands in a text; return where it leads."""
    link = re.search(r"http\S+/admin/login/link/\S+", said)[0]
    return httpx2.get(link).headers["Location"]


def run_first_task(platform):
    return subprocess.run(
        [sys.executable, "-m", "k8s4r.embedded.first_run"],
        env=platform.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
