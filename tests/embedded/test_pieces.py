import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from k8s4r.embedded import (
    binaries,
    configuration,
    credentials,
    identity,
    lock,
    lockfile,
    logfiles,
    records,
    sockets,
    state,
)
from k8s4r.embedded.errors import EmbeddedError, NotInstalled
from k8s4r.embedded.state import PartState, PartStatus, PlatformStatus
from tests.waiting import wait_until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")


def test_data_lie_where_the_desktop_standard_says_unless_told_otherwise():
    assert configuration.home({}).root == Path("~/.local/share/k8s4r").expanduser()
    assert configuration.home({"XDG_DATA_HOME": "/srv"}).root == Path("/srv/k8s4r")
    assert configuration.home({"K8S4R_HOME": "/d", "XDG_DATA_HOME": "/srv"}).root == Path("/d")


def test_web_is_on_loopback_unless_told_otherwise():
    assert configuration.read({}).url == "http://127.0.0.1:8420"
    wanted = configuration.read({"K8S4R_BIND": "0.0.0.0", "K8S4R_PORT": "9000"})
    assert wanted.bind == "0.0.0.0"
    assert wanted.local_url == "http://127.0.0.1:9000"


def test_a_public_address_does_not_change_where_this_machine_reaches_web():
    wanted = configuration.read({"K8S4R_URL": "https://k8s4r.example"})
    assert (wanted.url, wanted.local_url) == ("https://k8s4r.example", "http://127.0.0.1:8420")


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "http", "84.2"])
def test_a_port_that_is_none_is_refused_by_name(port):
    with pytest.raises(EmbeddedError, match="K8S4R_PORT"):
        configuration.read({"K8S4R_PORT": port})


def test_a_secret_is_made_up_once_and_read_by_its_owner_only(tmp_path):
    first = credentials.obtain(tmp_path / "a" / "secret")
    assert credentials.obtain(tmp_path / "a" / "secret") == first
    assert credentials.obtain(tmp_path / "a" / "other") != first
    assert len(first) >= 40
    assert (tmp_path / "a" / "secret").stat().st_mode & 0o777 == 0o600


def test_only_one_holds_the_lock_and_its_end_frees_it(tmp_path):
    code = (
        "import sys, pathlib; from k8s4r.embedded import lock;"
        "print(bool(lock.acquire(pathlib.Path(sys.argv[1]))), flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "True\n"
    assert lock.holder(tmp_path) == other.pid
    assert lock.acquire(tmp_path) is None
    other.kill()
    other.communicate(timeout=10)
    assert lock.holder(tmp_path) is None
    assert lock.acquire(tmp_path) is not None


def test_a_process_is_told_from_another_with_its_pid():
    ours = records.of(os.getpid())
    assert ours.is_alive()
    assert not records.Record(ours.pid, "earlier").is_alive()
    ended = subprocess.Popen(["/bin/true"])
    record = records.of(ended.pid)
    ended.wait(10)
    assert not record.is_alive()


def test_what_nobody_has_reaped_yet_does_not_count_as_alive():
    ended = subprocess.Popen(["/bin/true"], stdout=subprocess.PIPE)
    record = records.of(ended.pid)
    # The pipe closes at its end; the process stays in the table until `wait`.
    ended.stdout.read()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not record.is_alive()
    ended.wait(10)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "birth": "y"}', '{"pid": 1}'])
def test_a_record_that_makes_no_sense_is_none(tmp_path, text):
    (tmp_path / "web.json").write_text(text)
    assert records.read(tmp_path / "web.json") is None


def test_a_full_log_is_cut_while_its_writer_goes_on(tmp_path):
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        logfiles.trim(log, limit_bytes=99)
        writer.write(b"next\n")
    assert log.read_bytes() == b"next\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"x" * 100
    logfiles.trim(log, limit_bytes=99)
    assert log.read_bytes() == b"next\n"


def test_a_full_log_is_cut_though_there_is_no_room_for_its_copy(tmp_path):
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * 100)
    (tmp_path / "web.log.1").mkdir()
    logfiles.trim(log, limit_bytes=99)
    assert log.read_bytes() == b""


def test_lock_files_whose_pid_is_no_postgresql_are_removed(tmp_path):
    mine, sockets_lock = tmp_path / "postmaster.pid", tmp_path / ".s.PGSQL.5432.lock"
    for path in (mine, sockets_lock):
        path.write_text(f"{os.getpid()}\nmore\n")
    lockfile.remove_stale(tmp_path, tmp_path)
    assert not mine.exists()
    assert not sockets_lock.exists()


def test_a_folder_for_sockets_that_belongs_to_somebody_else_is_refused(tmp_path):
    deep = tmp_path / ("d" * 90)
    short = sockets.socket_folder(deep, uid=os.geteuid(), gid=os.getegid())
    assert len(str(short)) < 60
    short.chmod(0o755)
    with pytest.raises(EmbeddedError, match="not ours alone"):
        sockets.socket_folder(deep, uid=os.geteuid(), gid=os.getegid())
    short.rmdir()


def test_a_postgresql_of_another_version_than_the_data_is_not_taken():
    with pytest.raises(NotInstalled, match="PostgreSQL 11, which wrote the data"):
        binaries.find_postgres(11)


def test_the_state_is_read_as_it_was_written(tmp_path):
    part = PartStatus("web", PartState.RESTARTING, None, 3, "")
    status = PlatformStatus(7, "http://127.0.0.1:1", is_up=True, parts=(part,))
    state.write(tmp_path, status)
    assert state.read(tmp_path) == status
    assert status.is_well is False


@linux_only
def test_a_leashed_program_ends_with_the_thread_that_started_it():
    code = (
        "import os, subprocess, sys; from k8s4r.embedded import identity;"
        "argv = identity.leashed(('/bin/sleep', '60'), as_who=identity.ourselves(),"
        " die_by=15, parent=os.getpid());"
        "child = subprocess.Popen(argv); print(child.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    record = records.of(int(owner.stdout.readline()))
    wait_until(lambda: b"sleep" in Path(f"/proc/{record.pid}/cmdline").read_bytes())
    owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=10)
    wait_until(lambda: not record.is_alive())


@linux_only
def test_a_leash_whose_owner_is_gone_already_does_not_start_the_program():
    argv = identity.leashed(("/bin/echo", "hi"), as_who=identity.ourselves(), die_by=15, parent=1)
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_root_runs_a_server_as_somebody_else_whose_files_are_roots(tmp_path):
    who = identity.for_server(tmp_path / "data")
    argv = identity.leashed(("/usr/bin/id", "-u"), as_who=who, die_by=15, parent=os.getpid())
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert said.stdout.strip() != "0"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_data_of_another_user_are_served_as_that_user(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    assert identity.for_server(data) == identity.dropped(65534, 65534)
