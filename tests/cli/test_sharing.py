"""share, unshare, reset-second-factor: a colleague reads one project, and changes nothing."""

import json

import pytest

from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import TokenKind
from tests.builders import a_pool, a_project, a_task, a_user
from tests.factors import ENCRYPTION_KEY, with_factor
from tests.serving import a_token


@pytest.fixture
def bob(cli, pool):
    """Return bob's token; he has no role yet."""
    return a_token(TokenKind.PERSON, user=a_user("bob"))


def test_a_colleague_reads_one_project_and_changes_nothing(cli, pool, bob):
    a_task(pool, name="build", state="failed")
    other = a_pool(project=a_project("other"), name="default")
    a_task(other, name="secret", state="completed")
    said = cli("share", "default", "bob", "--role", "viewer")
    assert (said.code, said.out) == (0, "bob is viewer in default\n")
    names = cli("get", "tasks", "--jq", ".items[].name", K8S4R_TOKEN=bob)
    assert names.out == "build\n"
    assert cli("logs", "build", K8S4R_TOKEN=bob).code == 0
    for change in (("rerun", "build"), ("cancel", "--by", "alice", "--yes"), ("run", "true")):
        refused = cli(*change, K8S4R_TOKEN=bob)
        assert refused.code == 4, (change, refused)


def test_members_are_listed_and_let_go(cli, pool, bob):
    cli("share", "default", "bob", "--role", "operator", "--role", "approver")
    (line,) = cli("get", "members", "--no-headers", "-p", "default").out.splitlines()
    assert line.split()[:3] == ["bob", "approver,", "operator"]
    asked = cli("unshare", "default", "bob")
    assert (asked.code, "say so with --yes" in asked.err) == (2, True)
    assert cli("unshare", "default", "bob", "--yes").out == "bob has no role in default\n"
    assert cli("get", "members", "-p", "default").err == "no members\n"


def test_a_role_that_is_none_is_refused_by_its_place(cli, pool, bob):
    said = cli("share", "default", "bob", "--role", "king")
    assert (said.code, "/roles" in said.err) == (2, True)
    assert cli("share", "default", "nobody", "--role", "viewer").code in {2, 3}


def test_who_lost_their_second_factor_is_helped_after_one_question(cli, pool, bob, settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    with_factor(a_user("bob"), now=clock.now())
    asked = cli("reset-second-factor", "bob")
    assert (asked.code, "say so with --yes" in asked.err) == (2, True)
    assert json.loads(cli("api", "GET", "users/bob/second-factor").out)["on"] is True
    refused = cli("reset-second-factor", "bob", "--yes", K8S4R_TOKEN=bob)
    assert (refused.code, "members.write" in refused.err) == (4, True)
    done = cli("reset-second-factor", "bob", "--yes")
    assert (done.code, done.out) == (0, "bob has no second factor\n")
    assert selectors.factor_of(a_user("bob").pk) is None
    again = cli("reset-second-factor", "bob", "--yes")
    assert (again.code, "bob has no second factor" in again.err) == (3, True)
