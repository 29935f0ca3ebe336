"""What do answers about K8s configs look like? `pools.api.config_shapes` makes them."""

from typing import Any, Literal
from uuid import UUID

from k8s4r.api.answers import Moment, Shape
from pools.core.credentials import CredentialKind


class K8sConfig(Shape, frozen=True):
    """How a cluster is reached, without what opens it. ``healthy`` null: nobody has looked yet."""

    id: UUID
    name: str
    description: str
    project: str
    project_id: UUID
    server: str
    ca_data: str
    tls_server_name: str
    context_name: str
    namespace: str
    credential_kind: CredentialKind
    credential_expires_at: Moment | None
    service_account_name: str
    image_pull_secrets: list[str]
    pod_template: dict[str, Any]
    is_default: bool
    active: bool
    status: Literal["active", "inactive"]
    cluster_uid: str
    healthy: bool | None
    checked_at: Moment | None
    observed_at: Moment | None
    last_error: str
    alarm: str
    metadata: dict[str, Any]
    created_at: Moment
    changed_at: Moment


class Step(Shape, frozen=True):
    """One thing that was looked at; ``advice`` says what to do where it is not well."""

    name: str
    ok: bool
    detail: str
    advice: str


class Report(Shape, frozen=True):
    """What one look at a cluster told; an empty ``version``: it was not reached."""

    healthy: bool
    cluster_uid: str
    version: str
    credential_expires_at: Moment | None
    steps: list[Step]
    checked_at: Moment


class PodTemplate(Shape, frozen=True, rename="camel"):
    """What the pods of a config look like beyond what is always so; the names are Kubernetes'."""

    service_account_name: str
    image_pull_secrets: list[str]
    image: str | None
    resources: dict[str, Any] | None
    env: list[dict[str, str]]
    labels: dict[str, str]
    volume_mounts: list[dict[str, Any]]
    security_context: dict[str, Any] | None
    termination_grace_period_seconds: int | None


class Preview(Shape, frozen=True):
    """The manifest of a pod as Kubernetes would get it, and of the pool's disruption budget.

    ``refused`` is what the cluster says against it after a dry run, empty: nothing; null: it was
    not asked.
    """

    manifest: dict[str, Any]
    budget: dict[str, Any]
    template_hash: str
    refused: str | None
