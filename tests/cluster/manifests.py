"""What does deploy/ grant the product? Its own manifests, put into a test's namespace."""

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.api import Api, ApiError

Json = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
ACCOUNT, AGENT_ACCOUNT = "k8s4r", "k8s4r-agent"
CONFLICT = 409
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": _RBAC + "/namespaces/{namespace}/roles",
    "RoleBinding": _RBAC + "/namespaces/{namespace}/rolebindings",
    "ClusterRole": _RBAC + "/clusterroles",
    "ClusterRoleBinding": _RBAC + "/clusterrolebindings",
}


def read(name: str) -> list[Json]:
    """Return the objects of one file of deploy/kubernetes."""
    with (FOLDER / name).open() as file:
        return list(yaml.safe_load_all(file))


def apply_cluster_wide(admin: Api) -> None:
    """Make what all namespaces share: the ClusterRole."""
    for manifest in read("access.yaml"):
        if manifest["kind"] == "ClusterRole":
            create(admin, manifest, "")


def apply(admin: Api, namespace: str, annotations: dict[str, str]) -> None:
    """Make a namespace like the one in deploy/, with the product's accounts and what they may."""
    for manifest in (*read("namespace.yaml"), *read("accounts.yaml"), *read("access.yaml")):
        if manifest["kind"] == "ClusterRole":
            continue
        if manifest["kind"] == "Namespace":
            manifest["metadata"] |= {"name": namespace, "annotations": annotations}
        if manifest["kind"] == "ClusterRoleBinding":
            manifest["metadata"]["name"] = binding(namespace)
        for subject in manifest.get("subjects", []):
            subject["namespace"] = namespace
        create(admin, manifest, namespace)


def create(admin: Api, manifest: Json, namespace: str) -> None:
    """Make one object in this namespace; one that is there already stays."""
    manifest["metadata"].pop("namespace", None)
    try:
        admin.post(_PATHS[manifest["kind"]].format(namespace=namespace), manifest)
    except ApiError as refused:
        if refused.status != CONFLICT:
            raise


def remove(admin: Api, namespace: str) -> None:
    """Take the namespace away, with what runs in it at once."""
    admin.delete(f"/api/v1/namespaces/{namespace}/pods", {"gracePeriodSeconds": 0})
    admin.delete(f"/api/v1/namespaces/{namespace}")
    admin.delete(f"{_RBAC}/clusterrolebindings/{binding(namespace)}")


def binding(namespace: str) -> str:
    """Return the name of the binding that gives this namespace's account the ClusterRole."""
    return f"k8s4r-{namespace}"
