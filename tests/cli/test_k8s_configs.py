"""Clusters are connected, looked at and given to pools from the command line, one step each."""

import json

import pytest

from pools.models import K8sConfig, Pool
from tests.factors import ENCRYPTION_KEY
from tests.kube import hostile

# A name without an address: nobody is called from a test.
SERVER = "https://cluster.invalid:6443"


@pytest.fixture(autouse=True)
def _key(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY


def test_a_cluster_is_connected_from_files_and_stdin_and_its_token_is_not_shown(
    cli, pool, tmp_path
):
    ca = tmp_path / "ca.pem"
    ca.write_text(hostile.an_authority().pem)
    parts = ("--server", SERVER, "--cluster-ca", str(ca), "--token-from", "-", "-n", "work")
    said = cli("create", "k8s-config", "prod", *parts, typed=hostile.CANARY + "\n")
    assert (said.code, said.out) == (0, "k8s-config/prod created\n"), said.err
    made = K8sConfig.objects.get()
    assert (made.server, made.namespace, made.is_default) == (SERVER, "work", True)
    whole = tmp_path / "kubeconfig"
    whole.write_text(hostile.a_kubeconfig())
    assert cli("create", "kc", "lab", "--kubeconfig", str(whole)).code == 0
    dry = cli("create", "kc", "x", "--kubeconfig", str(whole), "--dry-run", "client")
    assert json.loads(dry.out)["kubeconfig"] == "..."
    listed = cli("get", "k8s-configs")
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [
        ["lab", "unknown"],
        ["prod", "unknown"],
    ]
    told = cli("describe", "k8s-config", "prod").out + cli("get", "kc", "-o", "yaml").out
    assert "canary" not in told.lower()
    assert hostile.CANARY not in told


def test_a_test_names_what_is_not_well_and_fails(cli, pool):
    parts = ("--server", SERVER, "--token-from", "-")
    cli("create", "k8s-config", "prod", *parts, typed=hostile.CANARY)
    said = cli("test", "k8s-config", "prod")
    assert said.code == 1
    assert "FAIL reach: cluster.invalid has no address now" in said.out
    assert "-> is the address right" in said.out
    report = json.loads(cli("test", "k8s-config/prod", "-o", "json").out)
    assert report["healthy"] is False
    assert cli("get", "k8s-configs").out.splitlines()[1].split()[1] == "unhealthy"


def test_a_pool_of_pods_is_made_in_one_step(cli, pool):
    parts = ("--server", SERVER, "--token-from", "-")
    cli("create", "k8s-config", "prod", *parts, typed=hostile.CANARY)
    said = cli("create", "pool", "plans", "--k8s", "--min", "0", "--max", "50")
    assert (said.code, said.out) == (0, "pool/plans created\n"), said.err
    made = Pool.objects.get(name="plans")
    assert (made.k8s_config.name, made.pod_mode) == ("prod", "slots")
    assert (made.min_pods, made.max_pods) == (0, 50)
    cli("create", "pool", "alone", "--k8s-config", "prod", "--pod-per-task")
    assert Pool.objects.get(name="alone").pod_mode == "task"
    assert "alone, plans" in cli("describe", "kc", "prod").out
    refused = cli("create", "pool", "x", "--max", "5")
    assert (refused.code, "--k8s" in refused.err) == (2, True)
    kept = cli("delete", "k8s-config", "prod", "--yes")
    assert (kept.code, "alone, plans" in kept.err) == (5, True)
