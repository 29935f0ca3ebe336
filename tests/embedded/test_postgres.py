import os
import signal
import subprocess
import sys

import psutil
import psycopg
import pytest

from k8s4r.embedded import postgres


def ask(url, statement):
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchone()[0]


def test_a_server_on_a_new_folder_answers_as_an_ordinary_role_that_owns_its_database(tmp_path):
    with postgres.start(tmp_path / "pg") as server:
        assert ask(server.url, "SELECT current_user") == "k8s4r"
        assert ask(server.url, "SELECT rolsuper FROM pg_roles WHERE rolname = 'k8s4r'") is False
        assert (
            ask(server.url, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname='k8s4r'")
            == "k8s4r"
        )


def test_what_was_committed_is_there_after_stop_and_start(tmp_path):
    with postgres.start(tmp_path / "pg") as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with postgres.start(tmp_path / "pg") as server:
        assert ask(server.url, "SELECT n FROM kept") == 7


def test_what_was_committed_is_there_after_kill_9(tmp_path):
    server = postgres.start(tmp_path / "pg")
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    children = psutil.Process(server.pid).children()
    os.kill(server.pid, signal.SIGKILL)
    server.child.process.wait(10)
    psutil.wait_procs(children, timeout=30)
    with postgres.start(tmp_path / "pg") as server:
        assert ask(server.url, "SELECT n FROM kept") == 7


def test_settings_are_durable(tmp_path):
    with postgres.start(tmp_path / "pg") as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(server.url, f"SHOW {setting}") == "on"


def test_a_wrong_password_and_the_superuser_are_refused(tmp_path):
    with postgres.start(tmp_path / "pg") as server:
        stranger = server.url.replace((tmp_path / "pg" / "password").read_text().strip(), "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stranger)
        superuser = server.url.replace("//k8s4r:", "//postgres:")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(superuser)


def test_a_lost_password_file_is_replaced_and_the_data_stay(tmp_path):
    with postgres.start(tmp_path / "pg") as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    (tmp_path / "pg" / "password").unlink()
    with postgres.start(tmp_path / "pg") as server:
        assert ask(server.url, "SELECT n FROM kept") == 7


def test_a_half_made_cluster_is_made_anew(tmp_path):
    left_over = tmp_path / "pg" / "data.new"
    left_over.mkdir(parents=True)
    (left_over / "PG_VERSION").write_text("15")
    with postgres.start(tmp_path / "pg") as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_folder_too_deep_for_a_socket_gets_a_short_one_that_is_closed_to_others(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with postgres.start(deep) as server:
        assert ask(server.url, "SELECT 1") == 1
        folder = server.socket_folder
        assert not folder.is_relative_to(deep)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@pytest.mark.parametrize("name", ["with space", "with,comma", "with'quote", "wíth-áccents"])
def test_a_folder_may_have_any_name(tmp_path, name):
    with postgres.start(tmp_path / name) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_secrets_are_for_our_eyes_only(tmp_path):
    with postgres.start(tmp_path / "pg"):
        assert (tmp_path / "pg" / "password").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "pg").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_server_ends_cleanly_when_its_owner_is_killed(tmp_path):
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, threading, pathlib; from k8s4r.embedded import postgres;"
            "server = postgres.start(pathlib.Path(sys.argv[1]));"
            "print(server.pid, flush=True); threading.Event().wait(60)",
            str(tmp_path / "pg"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    server = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.communicate(timeout=10)
    server.wait(30)
    assert "database system is shut down" in (tmp_path / "pg" / "postgres.log").read_text()
