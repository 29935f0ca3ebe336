"""login, auth status, context, config view: which server, and who we are there."""

import json
import os
import pty
import stat
import subprocess
from pathlib import Path

import pytest

from k8s4r.cli import settings
from k8s4r.cli.errors import Missing, Usage
from k8s4r.cli.settings import Flags
from tests.cli.conftest import COMMAND
from tests.serving import a_persons_token


@pytest.fixture
def fresh(bare, gateway, pool):
    """Return a command that knows nothing yet."""
    for name in ("K8S4R_API_URL", "K8S4R_TOKEN"):
        del bare.environment[name]
    return bare


def config(cli) -> Path:
    return Path(cli.environment["HOME"]) / ".config" / "k8s4r"


def test_login_checks_a_token_and_keeps_it_for_its_owner_only(fresh, gateway):
    token = a_persons_token()
    said = fresh("login", gateway.url, "--name", "prod", "--token-stdin", typed=f"{token}\n")
    assert said.code == 0, said.err
    assert f"you are alice at {gateway.url}" in said.err
    kept = config(fresh) / "tokens" / "prod"
    assert kept.read_text().strip() == token
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in (config(fresh) / "contexts.toml").read_text()
    assert fresh("get", "projects", "--no-headers").out.split()[0] == "default"


def test_a_token_that_the_server_does_not_know_is_not_kept(fresh, gateway):
    said = fresh("login", gateway.url, "--token-stdin", typed="pat_wrong")
    assert said.code == 4
    assert not config(fresh).exists()


def test_login_asks_for_the_token_and_does_not_show_it(fresh, gateway):
    token = a_persons_token()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "login", gateway.url, "--name", "x"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=fresh.environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while b"token: " not in seen:
        seen += os.read(ours, 65_536)
    os.write(ours, token.encode() + b"\n")
    while True:
        try:
            seen += os.read(ours, 65_536)
        except OSError:
            break
    os.close(ours)
    assert process.wait(30) == 0
    assert token not in seen.decode()
    assert (config(fresh) / "tokens" / "x").read_text().strip() == token


def test_without_a_terminal_login_names_the_flag(fresh, gateway):
    said = fresh("login", gateway.url)
    assert (said.code, said.out) == (2, "")
    assert "hint: use --token-stdin" in said.err


def test_contexts_are_listed_and_switched(fresh, gateway):
    for name in ("one", "two"):
        fresh("login", gateway.url, "--name", name, "--token-stdin", typed=a_persons_token(name))
    assert [line[:5] for line in fresh("context", "list").out.splitlines()] == ["  one", "* two"]
    assert json.loads(fresh("auth", "status", "-o", "json").out)["user"] == "two"
    assert fresh("context", "use", "one").out == "one\n"
    assert json.loads(fresh("auth", "status", "-o", "json").out)["user"] == "one"
    assert (
        json.loads(fresh("--context", "two", "auth", "status", "-o", "json").out)["user"] == "two"
    )
    wrong = fresh("context", "use", "tow")
    assert (wrong.code, "did you mean 'two'?" in wrong.err) == (3, True)


def test_a_bad_token_is_told_by_the_exit_code(cli):
    assert cli("auth", "status").code == 0
    assert cli("auth", "status", K8S4R_TOKEN="pat_wrong").code == 4
    none = cli("auth", "status", K8S4R_TOKEN="")
    assert (none.code, "k8s4r login" in none.err) == (4, True)


def test_the_settings_are_shown_with_their_origin_and_no_secret(cli, gateway):
    said = cli("config", "view", "--show-origin", K8S4R_PROJECT="web")
    lines = {line.split()[0]: line.split()[1:] for line in said.out.splitlines()}
    assert lines["url"] == [gateway.url, "K8S4R_API_URL"]
    assert lines["project"] == ["web", "K8S4R_PROJECT"]
    assert lines["pool"] == ["-"]
    assert lines["token"][1] == "K8S4R_TOKEN"
    assert cli.environment["K8S4R_TOKEN"] not in said.out


def test_a_project_file_chooses_a_place_and_never_a_server(tmp_path):
    environment = {"K8S4R_CONFIG": "", "XDG_CONFIG_HOME": str(tmp_path), "K8S4R_HOME": "/nowhere"}
    below = tmp_path / "repo" / "src"
    below.mkdir(parents=True)
    file = tmp_path / "repo" / ".k8s4r.toml"
    file.write_text('project = "web"\npool = "builds"\n')
    found = settings.read(Flags(), environment, below)
    assert (found.project.value, found.pool.value) == ("web", "builds")
    assert found.project.origin == str(file)
    file.write_text('api_url = "http://stranger"\n')
    with pytest.raises(Usage, match="api_url"):
        settings.read(Flags(), environment, below)


def test_a_context_brings_its_own_token_and_no_other(tmp_path):
    folder = tmp_path / "k8s4r"
    folder.mkdir()
    (folder / "token").write_text("pat_own")
    (folder / "config.toml").write_text(
        f'context = "prod"\n[contexts.prod]\napi_url = "http://prod"\nproject = "web"\n'
        f'token_file = "{folder / "token"}"\n[contexts.test]\napi_url = "http://test"\n'
    )
    environment = {"K8S4R_CONFIG": "", "XDG_CONFIG_HOME": str(tmp_path), "K8S4R_HOME": "/nowhere"}
    prod = settings.read(Flags(), environment, tmp_path)
    assert (prod.url.value, prod.token.value, prod.project.value) == (
        "http://prod",
        "pat_own",
        "web",
    )
    other = settings.read(Flags(context="test"), environment, tmp_path)
    assert (other.url.value, other.token) == ("http://test", None)
    elsewhere = settings.read(Flags(url="http://stranger"), environment, tmp_path)
    assert elsewhere.token is None
    with pytest.raises(Missing, match="nope"):
        settings.read(Flags(), {**environment, "K8S4R_CONTEXT": "nope"}, tmp_path)
