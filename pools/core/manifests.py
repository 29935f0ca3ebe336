"""What does Kubernetes get to make a pod of ours from? The whole manifest, from values alone.

It satisfies the restricted Pod Security Standard, and holds nothing secret: the agent proves who it
is by the token that its kubelet mounts, which is bound to this very pod and good for us alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pools.core.pods import PodMode
from pools.core.ports import (
    BUSY_LABEL,
    CONFIG_LABEL,
    MANAGED_BY,
    OURS,
    POD_LABEL,
    POOL_LABEL,
    SAFE_TO_EVICT,
    Manifest,
)
from pools.core.templates import PodTemplate, Resources, SecurityContext, filled

CONTAINER: Final = "agent"
WORK_FOLDER: Final = "/var/lib/k8s4r"
TOKEN_FOLDER: Final = "/var/run/secrets/k8s4r"  # noqa: S105 - a path
TOKEN_FILE: Final = f"{TOKEN_FOLDER}/token"
TOKEN_SECONDS: Final = 3600
SLOTS: Final = {PodMode.SLOTS: 3, PodMode.TASK: 1}
NOBODY: Final = 65532
GRACE_S: Final = 60
# Before the kubelet kills: time to stop work that did not end by itself, and to report that.
LAST_WORDS_S: Final = 20
RESOURCES: Final = Resources(
    requests={"cpu": "250m", "memory": "256Mi"}, limits={"cpu": "1", "memory": "1Gi"}
)
# More than there ever are: none of the busy pods may go. Pods without a controller allow an
# integer alone (Kubernetes, "Arbitrary workloads and arbitrary selectors").
NEVER_FEWER: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What pods need of us: where we are, whom their token is for, the image without a template."""

    url: str
    audience: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all pods of one pool share; the template is the config's with the pool's over it."""

    config: str
    namespace: str
    pool: str
    pool_name: str
    project: str
    mode: PodMode
    platform: Platform
    template: PodTemplate
    service_account: str = "default"
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is one pod's own; ``task`` and ``workspace`` where it is for one task."""

    pod: str
    name: str
    task: str = ""
    workspace: str = ""


_NOBODY: Final = Identity(pod="pod", name="name")


def manifest(ground: Ground, identity: Identity) -> dict[str, Any]:
    """Return the manifest of a pod; equal inputs give equal manifests."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": identity.name,
            "namespace": ground.namespace,
            "labels": _labels(ground, identity),
            "annotations": {SAFE_TO_EVICT: "true"},
        },
        "spec": _spec(ground, identity),
    }


def template_hash(ground: Ground) -> str:
    """Return the digest of what the pool's pods look like, without what is one pod's own."""
    text = json.dumps(manifest(ground, _NOBODY), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def budget_name(pool: str) -> str:
    """Return the name of a pool's PodDisruptionBudget."""
    return f"k8s4r-{pool}"


def budget(ground: Ground) -> Manifest:
    """Return the PodDisruptionBudget of a pool: of its busy pods none may be evicted."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": budget_name(ground.pool),
            "namespace": ground.namespace,
            "labels": {MANAGED_BY: OURS, CONFIG_LABEL: ground.config, POOL_LABEL: ground.pool},
        },
        "spec": {
            "minAvailable": NEVER_FEWER,
            "selector": {"matchLabels": {POOL_LABEL: ground.pool, BUSY_LABEL: "true"}},
        },
    }


def _labels(ground: Ground, identity: Identity) -> dict[str, str]:
    variables = _variables(ground, identity)
    said = {key: filled(value, variables) for key, value in ground.template.labels.items()}
    ours = {
        MANAGED_BY: OURS,
        CONFIG_LABEL: ground.config,
        POOL_LABEL: ground.pool,
        POD_LABEL: identity.pod,
    }
    if identity.task:
        ours |= {"app": OURS, "task-id": identity.task}
    if identity.workspace:
        ours |= {"workspace-id": identity.workspace}
    return said | ours


def _spec(ground: Ground, identity: Identity) -> dict[str, Any]:
    template = ground.template
    security = template.security_context or SecurityContext()
    spec: dict[str, Any] = {
        "restartPolicy": "Always" if ground.mode is PodMode.SLOTS else "Never",
        "serviceAccountName": ground.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _grace_s(ground),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": security.run_as_user or NOBODY,
            "runAsGroup": security.run_as_group or NOBODY,
            "fsGroup": security.fs_group or NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(ground, identity)],
        "volumes": _volumes(ground),
    }
    if ground.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in ground.pull_secrets]
    return spec


def _grace_s(ground: Ground) -> int:
    return ground.template.termination_grace_period_seconds or GRACE_S


def _container(ground: Ground, identity: Identity) -> dict[str, Any]:
    resources = ground.template.resources or RESOURCES
    return {
        "name": CONTAINER,
        "image": ground.template.image or ground.platform.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["k8s4r-agent", "start"],
        "env": _env(ground, identity),
        "resources": {"requests": dict(resources.requests), "limits": dict(resources.limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "work", "mountPath": WORK_FOLDER},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            {"name": "identity", "mountPath": TOKEN_FOLDER, "readOnly": True},
            *(
                {"name": one.name, "mountPath": one.mount_path}
                for one in ground.template.volume_mounts
            ),
        ],
    }


def _env(ground: Ground, identity: Identity) -> list[dict[str, str]]:
    variables = _variables(ground, identity)
    said = {one.name: filled(one.value, variables) for one in ground.template.env}
    ours = {
        "HOME": WORK_FOLDER,
        "K8S4R_AGENT_API_URL": ground.platform.url,
        "K8S4R_AGENT_K8S_CONFIG": ground.config,
        "K8S4R_AGENT_POD": identity.pod,
        "K8S4R_AGENT_POD_TOKEN_FILE": TOKEN_FILE,
        "K8S4R_AGENT_NAME": identity.name,
        "K8S4R_AGENT_SLOTS": str(SLOTS[ground.mode]),
        "K8S4R_AGENT_SPOOL": f"{WORK_FOLDER}/spool",
        "K8S4R_AGENT_DRAIN_TIMEOUT": str(max(1, _grace_s(ground) - LAST_WORDS_S)),
    }
    return [{"name": name, "value": value} for name, value in (said | ours).items()]


def _volumes(ground: Ground) -> list[dict[str, Any]]:
    token = {
        "serviceAccountToken": {
            "audience": ground.platform.audience,
            "expirationSeconds": TOKEN_SECONDS,
            "path": "token",
        }
    }
    return [
        {"name": "work", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "identity", "projected": {"defaultMode": 0o440, "sources": [token]}},
        *(
            {"name": one.name, "emptyDir": _emptied(one.size_limit, one.medium)}
            for one in ground.template.volume_mounts
        ),
    ]


def _emptied(size: str | None, medium: str) -> dict[str, str]:
    return {name: value for name, value in (("sizeLimit", size), ("medium", medium)) if value}


def _variables(ground: Ground, identity: Identity) -> Mapping[str, str]:
    return {
        "pool": ground.pool_name,
        "project": ground.project,
        "pod": identity.pod,
        "config": ground.config,
        "namespace": ground.namespace,
        "task": identity.task,
    }
