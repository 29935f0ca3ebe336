"""A backup is whole or not at all; after a restore nothing runs twice unless a person says so."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from k8s4r.embedded import keys, manifest
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.errors import EmbeddedError
from k8s4r.embedded.manifest import Manifest
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def k8s4r(platform):
    def run(*arguments, code=0):
        ended = subprocess.run(
            [sys.executable, "-m", "k8s4r.cli", *arguments],
            env=platform.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return run


def a_backup(folder: Path) -> Path:
    (folder / manifest.ARTIFACTS).mkdir(parents=True)
    (folder / manifest.DUMP).write_bytes(b"PGDMP")
    files = {manifest.DUMP: manifest.checksum(folder / manifest.DUMP)}
    at = "2026-11-21T12:00:00+00:00"
    manifest.write(folder, Manifest(1, at, 1, "0.1.0", "15.1", ["token_pepper"], files))
    return folder


def test_a_backup_whose_file_is_missing_or_changed_is_refused_by_name(tmp_path):
    folder = a_backup(tmp_path / "backup")
    assert manifest.read(folder).generation == 1
    (folder / manifest.DUMP).write_bytes(b"PGDMQ")
    with pytest.raises(EmbeddedError, match=r"database\.dump has changed"):
        manifest.read(folder)
    (folder / manifest.DUMP).unlink()
    with pytest.raises(EmbeddedError, match=r"database\.dump is missing"):
        manifest.read(folder)


@pytest.mark.parametrize("name", ["artifacts/../../x", "/etc/passwd", "more", "artifacts/"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    folder = a_backup(tmp_path / "backup")
    found = json.loads((folder / manifest.NAME).read_text())
    found["files"][name] = "0" * 64
    (folder / manifest.NAME).write_text(json.dumps(found))
    with pytest.raises(EmbeddedError, match="is damaged"):
        manifest.read(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "more": 1}'])
def test_what_is_no_backup_is_refused(tmp_path, text):
    (tmp_path / manifest.NAME).write_text(text)
    with pytest.raises(EmbeddedError, match=r"manifest\.json"):
        manifest.read(tmp_path)


def test_secrets_travel_in_a_file_of_their_own(tmp_path):
    here, there, file = Home(tmp_path / "a"), Home(tmp_path / "b"), tmp_path / "secrets.json"
    here.secrets.mkdir(parents=True)
    for name in ("token_pepper", "attempt_key", "database_password"):
        (here.secrets / name).write_text(f"{name} of here\n")
    keys.export(here, file)
    assert file.stat().st_mode & 0o777 == 0o600
    keys.put_into_place(there, keys.read(file))
    assert (there.secrets / "token_pepper").read_text() == "token_pepper of here\n"
    assert not (there.secrets / "database_password").exists(), "it belongs to its machine"
    with pytest.raises(EmbeddedError, match="exists"):
        keys.export(here, file)


@pytest.mark.parametrize(
    "found", [[], {}, {"token_pepper": 1}, {"token_pepper": "x", "../../passwd": "x"}]
)
def test_a_file_that_holds_no_secrets_of_ours_is_refused(tmp_path, found):
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(found))
    with pytest.raises(EmbeddedError, match="holds no secrets"):
        keys.read(file)


def test_nothing_that_is_there_is_overwritten(k8s4r, platform, tmp_path):
    assert "nothing was ever up there" in k8s4r("backup", str(tmp_path / "new"), code=1)
    assert "name a new folder" in k8s4r("backup", str(tmp_path), code=1)
    assert "is no backup of k8s4r" in k8s4r("restore", str(tmp_path), code=1)
    assert "no secrets" in k8s4r("restore", str(a_backup(tmp_path / "backup")), code=1)


class Work:
    """Tasks that leave a line when they begin and end when they are told."""

    def __init__(self, folder: Path, client: httpx2.Client) -> None:
        self.folder = folder
        self.client = client

    def submit(self, name: str) -> str:
        script = (
            f"echo x >> {self._lines(name)}; while [ ! -e {self._end(name)} ]; do sleep 0.1; done"
        )
        body = {"name": name, "spec": {"argv": ["/bin/sh", "-c", script]}}
        answer = self.client.post("/api/v1/tasks", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def end(self, name: str) -> None:
        self._end(name).touch()

    def begun(self, name: str) -> int:
        lines = self._lines(name)
        return len(lines.read_text().splitlines()) if lines.exists() else 0

    def state(self, task_id: str) -> str:
        answer = self.client.get(f"/api/v1/tasks/{task_id}")
        return str(answer.json().get("state", answer.status_code))

    def _lines(self, name: str) -> Path:
        return self.folder / f"{name}.lines"

    def _end(self, name: str) -> Path:
        return self.folder / f"{name}.end"


@pytest.fixture
def agent(platform, tmp_path):
    """Return an agent of two slots that outlives the platform; it is started by the test."""
    started = []

    def start():
        token = platform.home / "secrets" / "enrolment_token"
        options = ("--url", platform.summary()["url"], "--enrolment-token-file", str(token))
        more = ("--name", "outsider", "--slots", "2", "--spool", str(tmp_path / "spool"))
        log = (tmp_path / "agent.log").open("wb")
        with log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "agents.client", "start", *options, *more],
                    env=platform.environment,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield start
    for process in started:
        for _ in range(2):  # the second one cancels what still runs
            process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture
def up(k8s4r):
    """Return how the platform is started; it is down after the test."""
    yield lambda: k8s4r("up", "--detach", "--no-agent", "--no-worker")
    k8s4r("down")


@pytest.fixture
def work(up, platform, tmp_path):
    """Return work on a platform that is up."""
    up()
    token = (platform.home / "secrets" / "api_token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    url = platform.summary()["url"]
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        yield Work(tmp_path, client)


def go_on_after(work, tasks):
    """Let happen what the backup does not know; return a task that came after it."""
    for name in ("ended", "waited"):
        work.end(name)
        wait_until(lambda name=name: work.state(tasks[name]) == "completed")
    forgotten = work.submit("forgotten")
    wait_until(lambda: work.begun("forgotten"))
    return forgotten


def an_artifact_among_others(folder):
    """Return a file as an attempt leaves it, beside what is none."""
    folder.mkdir(exist_ok=True)
    for name in ("README", ".01a2157b-5255-7000-bf81-f7689a276a92.part"):
        (folder / name).write_bytes(b"x")
    artifact = folder / "01a2157b-509a-7000-ae2b-7b353922d69a"
    artifact.write_bytes(b"plan")
    return artifact


@pytest.mark.processes
def test_after_a_restore_nothing_runs_twice_and_agents_go_on_with_what_is_known(
    k8s4r, platform, up, work, agent
):
    backup = str(work.folder / "backup")
    runner = agent()
    # Two slots: the third waits when the backup is made, and runs after it.
    tasks = {name: work.submit(name) for name in ("goes-on", "ended", "waited")}
    wait_until(lambda: work.state(tasks["ended"]) == "running" and work.begun("goes-on"))
    artifact = an_artifact_among_others(platform.home / "artifacts")
    k8s4r("backup", backup)
    assert [path.name for path in (work.folder / "backup" / "artifacts").iterdir()] == [
        artifact.name
    ]
    artifact.unlink()
    forgotten = go_on_after(work, tasks)

    assert "stop it first" in k8s4r("restore", backup, code=1)
    k8s4r("down")
    said = k8s4r("restore", backup)
    up()

    assert "generation 2" in said
    assert "default/default" in said
    wait_until(lambda: work.state(tasks["goes-on"]) == "running", timeout_s=60)
    assert runner.poll() is None
    states = [work.state(one) for one in (tasks["ended"], tasks["waited"], forgotten)]
    assert states == ["unknown", "pending", "404"]
    work.end("goes-on")
    wait_until(lambda: work.state(tasks["goes-on"]) == "completed", timeout_s=60)
    assert [work.begun(name) for name in (*tasks, "forgotten")] == [1, 1, 1, 1]
    assert artifact.read_bytes() == b"plan"
    assert "k8s4r_backup_age_seconds " in work.client.get("/metrics").text
