"""docs/kubernetes.md tells of every code and every right that there is, and of no other."""

import re

import yaml

from pools.core.autoscale import ScalingCode
from pools.core.pods import PodFailure
from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs/kubernetes.md").read_text()
RIGHT = re.compile(r"^\| (namespace|cluster) \| `([\w/.]+)`[^|]*\| ([a-z, ]+) \|", re.MULTILINE)


def first_cells(heading):
    """Return the words in the first column of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def granted():
    """Return what the manifests grant: by scope and resource, the verbs."""
    found = {}
    for document in yaml.safe_load_all((ROOT / "deploy/kubernetes/access.yaml").read_text()):
        scope = {"Role": "namespace", "ClusterRole": "cluster"}.get(document["kind"])
        for rule in document.get("rules", []) if scope else []:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    name = f"{resource}.{group}" if group else resource
                    found[scope, name] = sorted(rule["verbs"])
    return found


def test_every_code_of_a_decision_is_told_and_no_other():
    assert first_cells("How a pool grows and shrinks") == list(map(str, ScalingCode))


def test_every_failure_of_a_pod_is_told_and_no_other():
    assert first_cells("When pods fail") == [str(code) for code in PodFailure if code]


def test_the_page_tells_of_the_rights_that_the_manifests_give():
    told = {(scope, name): sorted(verbs.split(", ")) for scope, name, verbs in RIGHT.findall(PAGE)}
    assert told == granted()
