"""What the tab key offers: commands, kinds, and names that the server knows."""

import pytest

from tests.builders import a_pod, a_pod_pool, a_task, an_agent


def offered(cli, line: str, **environment: str) -> list[str]:
    """Return what is offered for the last word of a line."""
    said = cli(
        _K8S4R_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split(" ")) - 1),
        **environment,
    )
    assert said.err == ""
    return said.out.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("k8s4r dra", ["drain"]),
        ("k8s4r context ", ["use", "list"]),
        ("k8s4r get ta", ["tasks"]),
        ("k8s4r get task ni", ["nightly"]),
        ("k8s4r get tasks/ni", ["tasks/nightly"]),
        ("k8s4r logs ni", ["nightly"]),
        ("k8s4r drain w", ["web-1"]),
        ("k8s4r drain pod/k8s4r-b", ["pod/k8s4r-blue-1"]),
        ("k8s4r describe po k8s4r-b", ["k8s4r-blue-1"]),
    ],
)
def test_the_tab_key_offers_what_fits(cli, pool, line, words):
    a_task(pool, name="nightly", state="completed")
    a_task(pool, name="build", state="completed")
    an_agent("web-1")
    a_pod(a_pod_pool(), name="k8s4r-blue-1")
    assert offered(cli, line) == words


def test_without_a_server_nothing_is_offered_and_nothing_said(bare):
    assert offered(bare, "k8s4r logs ni", K8S4R_API_URL="http://127.0.0.1:9") == []
    assert offered(bare, "k8s4r logs ni") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(bare, shell):
    said = bare("completion", shell)
    assert (said.code, said.err) == (0, "")
    assert "_K8S4R_COMPLETE" in said.out
