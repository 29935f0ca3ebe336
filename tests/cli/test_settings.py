"""Where the server and the token come from."""

import json

import pytest

from k8s4r.cli import settings
from k8s4r.cli.errors import Usage
from k8s4r.cli.settings import Flags


@pytest.fixture
def home(tmp_path):
    """Return the environment of a machine on which a platform was started."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "token").write_text("pat_local\n")
    (data / "platform.json").write_text(
        json.dumps({"url": "http://127.0.0.1:1", "api_token_file": str(data / "token")})
    )
    return {"K8S4R_HOME": str(data), "K8S4R_CONFIG": ""} | {"XDG_CONFIG_HOME": str(tmp_path)}


def a_file(tmp_path, text):
    """Write the user's settings."""
    folder = tmp_path / "k8s4r"
    folder.mkdir()
    (folder / "config.toml").write_text(text)
    return folder / "config.toml"


def test_the_local_platform_needs_no_configuration(home):
    found = settings.read(Flags(), home)
    assert (found.url.value, found.token.value) == ("http://127.0.0.1:1", "pat_local")


def test_the_local_token_is_for_the_local_platform_only(home):
    found = settings.read(Flags(url="http://elsewhere:1"), home)
    assert found.token is None


def test_a_flag_counts_before_the_environment_and_that_before_the_file(home, tmp_path):
    a_file(tmp_path, 'api_url = "http://file"')
    environment = {**home, "K8S4R_API_URL": "http://environment"}
    assert settings.read(Flags(), home).url.value == "http://file"
    assert settings.read(Flags(), environment).url.value == "http://environment"
    found = settings.read(Flags(url="http://flag"), environment)
    assert (found.url.value, found.url.origin) == ("http://flag", "--url")


def test_a_token_file_is_read_and_its_origin_named(home, tmp_path):
    path = tmp_path / "t"
    path.write_text("pat_x\n")
    found = settings.read(Flags(), {**home, "K8S4R_TOKEN_FILE": str(path)})
    assert (found.token.value, found.token.origin) == ("pat_x", f"K8S4R_TOKEN_FILE -> {path}")


@pytest.mark.parametrize("content", [None, ""])
def test_a_token_file_that_holds_nothing_is_refused_by_name(home, tmp_path, content):
    path = tmp_path / "t"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Usage, match=str(path)):
        settings.read(Flags(token_file=path), home)


def test_a_misspelt_setting_is_refused(home, tmp_path):
    a_file(tmp_path, 'api_ulr = "http://x"')
    with pytest.raises(Usage, match="api_ulr"):
        settings.read(Flags(), home)


def test_a_named_file_must_exist(home, tmp_path):
    with pytest.raises(Usage, match="nowhere"):
        settings.read(Flags(), {**home, "K8S4R_CONFIG": str(tmp_path / "nowhere")})
