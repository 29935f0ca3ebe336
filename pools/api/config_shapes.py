"""How are K8s configs and what is known of their clusters shown? The credential never is."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pools.core import manifests, templates
from pools.core.health import Report
from pools.core.manifests import Ground, Identity
from pools.models import K8sConfig, Reach


def configs(rows: Sequence[K8sConfig]) -> Callable[[K8sConfig], dict[str, Any]]:
    """Return what shapes each of these configs: one query for any number."""
    reaches: Mapping[UUID, Reach] = Reach.objects.in_bulk([row.pk for row in rows])
    return lambda row: _config(row, reaches[row.pk])


def config(row: K8sConfig) -> dict[str, Any]:
    """Return a config."""
    return configs([row])(row)


def report(found: Report, *, at: datetime) -> dict[str, Any]:
    """Return what one look at a cluster told."""
    return {
        **found.stored(),
        "credential_expires_at": found.expires_at,
        "checked_at": at,
    }


def pod_template(row: K8sConfig) -> dict[str, Any]:
    """Return the pod template of a config; null is left to the platform."""
    said = templates.stored(templates.kept(row.pod_template))
    empty: dict[str, Any] = {
        "image": None, "resources": None, "env": [], "labels": {}, "volumeMounts": [],
        "securityContext": None, "terminationGracePeriodSeconds": None,
    }  # fmt: skip
    own = {
        "serviceAccountName": row.service_account_name,
        "imagePullSecrets": row.image_pull_secrets,
    }
    return {**own, **empty, **said}


def preview(ground: Ground, identity: Identity, refused: str | None) -> dict[str, Any]:
    """Return what a pod would be made from."""
    return {
        "manifest": manifests.manifest(ground, identity),
        "budget": manifests.budget(ground),
        "template_hash": manifests.template_hash(ground),
        "refused": refused,
    }


def _config(row: K8sConfig, reach: Reach) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "project": row.project.name,
        "project_id": row.project_id,
        "server": row.server,
        "ca_data": row.ca_data,
        "tls_server_name": row.tls_server_name,
        "context_name": row.context_name,
        "namespace": row.namespace,
        "credential_kind": row.credential_kind,
        "credential_expires_at": row.credential_expires_at,
        "service_account_name": row.service_account_name,
        "image_pull_secrets": row.image_pull_secrets,
        "pod_template": row.pod_template,
        "is_default": row.is_default,
        "active": row.active,
        "status": "active" if row.active else "inactive",
        "cluster_uid": reach.cluster_uid,
        "healthy": reach.healthy,
        "checked_at": reach.checked_at,
        "observed_at": reach.observed_at,
        "last_error": reach.last_error,
        "alarm": reach.alarm,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }
