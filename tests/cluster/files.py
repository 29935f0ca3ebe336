"""Which files does a control plane read? Certificates, tokens, kubeconfigs, two policies."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from tests.cluster import authority
from tests.cluster.authority import Authority

# The label that says which test's node it is; namespaces choose by it, SHARED by default.
NODE_LABEL = "k8s4r.test/node"
SHARED = "shared"

ADMISSION = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AdmissionConfiguration",
    "plugins": [
        {
            "name": "PodNodeSelector",
            "configuration": {
                "podNodeSelectorPluginConfig": {
                    "clusterDefaultNodeSelector": f"{NODE_LABEL}={SHARED}"
                }
            },
        }
    ],
}

_NOISE = ["get", "list", "watch", "update", "patch"]
# Whatever a person or an account of ours does, and nothing of what the cluster does with itself.
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["nodes", "system:apiserver", "system:anonymous"]},
        {
            "level": "None",
            "userGroups": ["system:nodes", "system:authenticated"],
            "resources": [{"group": "coordination.k8s.io"}],
        },
        {
            "level": "None",
            "users": ["system:kube-controller-manager", "system:kube-scheduler"],
            "verbs": _NOISE,
        },
        {
            "level": "None",
            "userGroups": ["system:serviceaccounts:kube-system"],
            "verbs": _NOISE,
        },
        {"level": "Request", "verbs": ["delete", "deletecollection"]},
        {"level": "Request", "resources": [{"group": "", "resources": ["pods/eviction"]}]},
        {"level": "Metadata"},
    ],
}


def lay_out(
    folder: Path, trust: Authority, tokens: dict[str, tuple[str, str]], server: str
) -> None:
    """Write everything; ``tokens`` has the token and the group by user name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki = folder / "pki"
    trust.pair.store(pki, "ca")
    trust.serving("127.0.0.1", "localhost", "kubernetes.default.svc").store(pki, "apiserver")
    trust.client("kubelet-client", ["system:masters"]).store(pki, "kubelet-client")
    trust.serving("127.0.0.1", "localhost").store(pki, "kubelet")
    authority.signing_key().store(pki, "accounts")
    lines = [f'{token},{user},{user},"{group}"\n' for user, (token, group) in tokens.items()]
    _private(folder / "tokens.csv", "".join(lines))
    for user, (token, _) in tokens.items():
        _private(folder / f"{short(user)}.kubeconfig", kubeconfig(server, trust, token))
    _private(folder / "admission.yaml", json.dumps(ADMISSION))
    _private(folder / "audit-policy.yaml", json.dumps(AUDIT))


def short(user: str) -> str:
    """Return a user's name without Kubernetes' prefix."""
    return user.removeprefix("system:")


def kubeconfig(server: str, trust: Authority, token: str, namespace: str = "default") -> str:
    """Return a kubeconfig that uses this token."""
    return kubeconfig_of(server, trust.pair.certificate.decode(), {"token": token}, namespace)


def kubeconfig_of(server: str, ca_pem: str, user: dict[str, Any], namespace: str) -> str:
    """Return a kubeconfig, as JSON, which is YAML too."""
    encoded = base64.b64encode(ca_pem.encode()).decode()
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": server, "certificate-authority-data": encoded},
                }
            ],
            "users": [{"name": "test", "user": user}],
            "contexts": [
                {
                    "name": "test",
                    "context": {"cluster": "test", "user": "test", "namespace": namespace},
                }
            ],
            "current-context": "test",
        },
        indent=1,
    )


def _private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
