"""A server that could not do what its settings ask does not start, and names the setting."""

import os
import subprocess
import sys

import pytest

from tests.factors import ENCRYPTION_KEY


def started(**settings):
    """Start a web process as far as its settings; return its exit code and what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("K8S4R_")}
    environment = {**kept, "K8S4R_SECRET_KEY": "s" * 40, **settings}
    argv = [sys.executable, "-c", "import k8s4r.wsgi"]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("policy", ["required", "required_for_admins"])
def test_second_factors_are_not_required_where_none_can_be_kept(policy):
    code, said = started(K8S4R_SECOND_FACTOR=policy)
    assert (code, "set K8S4R_ENCRYPTION_KEY_FILE" in said) == (1, True)
    assert started(K8S4R_SECOND_FACTOR=policy, K8S4R_ENCRYPTION_KEY=ENCRYPTION_KEY)[0] == 0


@pytest.mark.parametrize("policy", ["off", "offered"])
def test_where_none_is_required_no_key_is_needed(policy):
    assert started(K8S4R_SECOND_FACTOR=policy)[0] == 0


def test_a_policy_that_is_none_is_refused_with_those_there_are():
    code, said = started(K8S4R_SECOND_FACTOR="sometimes")
    assert (code, "second_factor" in said, "'required_for_admins'" in said) == (1, True, True)
