"""What do people send about K8s configs, and what columns and credential come of it?"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from k8s4r.core import conversion
from k8s4r.core.errors import FieldProblem, Invalid
from pools import conf
from pools.api.bodies import Reference, Slug, Text
from pools.core import credentials, kubeconfigs, servers, templates
from pools.core.access import Credential
from pools.core.templates import DnsLabel, DnsName, PodTemplate
from pools.models import K8sConfig
from pools.services import configs

# YAML of at most 64 KiB, or base64 of it.
Kubeconfig: TypeAlias = Annotated[str, Meta(min_length=1, max_length=131_072)]
Server: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2048)]
Pem: TypeAlias = Annotated[str, Meta(max_length=65_536)]
Bearer: TypeAlias = Annotated[str, Meta(min_length=1, max_length=16_384)]
Secrets: TypeAlias = Annotated[list[DnsName], Meta(max_length=16)]
_EITHER: Final = "give a kubeconfig, or server, ca_data and token; not both"
_CONNECTION: Final = frozenset(
    {"kubeconfig", "server", "ca_data", "tls_server_name", "token", "client_certificate",
     "client_key"}
)  # fmt: skip


class _Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the cluster is reached; what is left out stays, and is never shown again.

    ``kubeconfig`` is YAML or base64 of it. Better is ``server`` with ``ca_data`` (PEM, or base64 of
    it; empty: the authorities that this server trusts) and the ``token`` of a service account, or
    ``client_certificate`` and ``client_key`` (PEM).
    """

    kubeconfig: Kubeconfig | UnsetType = UNSET
    server: Server | UnsetType = UNSET
    ca_data: Pem | UnsetType = UNSET
    tls_server_name: Annotated[str, Meta(max_length=253)] | UnsetType = UNSET
    token: Bearer | UnsetType = UNSET
    client_certificate: Pem | UnsetType = UNSET
    client_key: Pem | UnsetType = UNSET


class ReplacedConfig(_Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PUT k8s-configs/{id}``: what is left out becomes the default again, but for the connection.

    ``namespace`` left out: the kubeconfig's, or the present one.
    """

    name: Slug
    description: Text = ""
    namespace: DnsLabel | UnsetType = UNSET
    service_account_name: DnsName = "default"
    image_pull_secrets: Secrets = []
    pod_template: PodTemplate = PodTemplate()
    is_default: bool | UnsetType = UNSET
    active: bool = True
    metadata: dict[str, Any] = {}


class NewConfig(ReplacedConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST k8s-configs``."""

    project: Reference = "default"


class ChangedConfig(_Connection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PATCH k8s-configs/{id}``: what is left out stays."""

    name: Slug | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    namespace: DnsLabel | UnsetType = UNSET
    service_account_name: DnsName | UnsetType = UNSET
    image_pull_secrets: Secrets | UnsetType = UNSET
    pod_template: PodTemplate | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class PodTemplateBody(PodTemplate, frozen=True, kw_only=True):
    """``PUT k8s-configs/{id}/pod-template``: also the account and the secrets of its pods."""

    service_account_name: DnsName | UnsetType = UNSET
    image_pull_secrets: Secrets | UnsetType = UNSET


def given(
    body: ReplacedConfig | ChangedConfig, row: K8sConfig | None = None
) -> tuple[dict[str, Any], Credential | None]:
    """Return the columns and the credential that a body gives; ``row`` is what it changes.

    Asks the name server about a new server.

    Raises:
        Invalid: names each field that is not taken, and the rule.
    """
    columns = {
        name: value
        for name in body.__struct_fields__
        if name not in _CONNECTION | {"project"} and (value := getattr(body, name)) is not UNSET
    }
    if "pod_template" in columns:
        templates.check(columns["pod_template"], conf.images(), at="/pod_template")
        columns["pod_template"] = templates.stored(columns["pod_template"])
    connection, credential = _connection(body)
    columns = connection | columns
    if row is None:
        _check_complete(columns, credential)
    if "server" in columns and (row is None or columns["server"] != row.server):
        configs.check_server(columns["server"], allowed=conf.cluster_networks())
    return columns, credential


def template_of(value: object) -> dict[str, Any]:
    """Return the columns that the body of a pod template gives.

    Raises:
        Malformed: a field has another type.
        Invalid: names each field that is not taken, and the rule.
    """
    body = conversion.convert(value, PodTemplateBody)
    fields = {name: getattr(body, name) for name in PodTemplate.__struct_fields__}
    template = PodTemplate(**fields)
    templates.check(template, conf.images(), at="")
    columns: dict[str, Any] = {"pod_template": templates.stored(template)}
    for name in ("service_account_name", "image_pull_secrets"):
        if (said := getattr(body, name)) is not UNSET:
            columns[name] = said
    return columns


def _connection(body: _Connection) -> tuple[dict[str, Any], Credential | None]:
    said = {name for name in _CONNECTION if getattr(body, name) is not UNSET}
    if "kubeconfig" not in said:
        return _fields(body, said)
    if len(said) > 1:
        raise _refused("/kubeconfig", "either", _EITHER)
    assert isinstance(body.kubeconfig, str)
    read = kubeconfigs.read(body.kubeconfig)
    servers.check(read.server, conf.cluster_networks(), at=kubeconfigs.SERVER_AT)
    columns = {
        "server": read.server,
        "ca_data": credentials.authority(read.ca, at=kubeconfigs.CA_AT),
        "tls_server_name": read.tls_server_name,
        "context_name": read.context_name,
    }
    if read.namespace:
        columns["namespace"] = read.namespace
    return columns, read.credential


def _fields(body: _Connection, said: set[str]) -> tuple[dict[str, Any], Credential | None]:
    columns: dict[str, Any] = {
        name: getattr(body, name) for name in ("server", "tls_server_name") if name in said
    }
    if isinstance(body.ca_data, str):
        pem = body.ca_data.lstrip().startswith("-----BEGIN")
        text = body.ca_data if pem else credentials.decoded(body.ca_data, at="/ca_data")
        columns["ca_data"] = credentials.authority(text, at="/ca_data")
    return columns, _credential(body, said)


def _credential(body: _Connection, said: set[str]) -> Credential | None:
    pair = said & {"client_certificate", "client_key"}
    if "token" in said and pair:
        raise _refused("/token", "either", "give a token, or client_certificate and client_key")
    if isinstance(body.token, str):
        return credentials.token(body.token, at="/token")
    if not pair:
        return None
    if not (isinstance(body.client_certificate, str) and isinstance(body.client_key, str)):
        raise _refused(f"/{min(pair)}", "pair", "client_certificate and client_key go together")
    return credentials.certificate(
        body.client_certificate, body.client_key, at="/client_certificate", key_at="/client_key"
    )


def _check_complete(columns: dict[str, Any], credential: Credential | None) -> None:
    missing = [
        FieldProblem(f"/{name}", conversion.MISSING, f"is missing: {_EITHER}")
        for name, there in (("server", "server" in columns), ("token", credential is not None))
        if not there
    ]
    if missing:
        raise Invalid(f"{missing[0].pointer}: {missing[0].detail}", errors=missing)


def _refused(at: str, rule: str, detail: str) -> Invalid:
    return Invalid(f"{at}: {detail}", errors=[FieldProblem(at, rule, detail)])
