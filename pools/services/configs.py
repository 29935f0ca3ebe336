"""How does a K8s config come to be, change and end, and how is its cluster reached?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from k8s4r import clock, resolving
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution, openings
from k8s4r.core import networks
from k8s4r.core.errors import Conflict, FieldProblem, Invalid, NotFound
from k8s4r.core.networks import Address, Allowed
from k8s4r.core.roles import Permission
from k8s4r.resolving import Unresolved
from k8s4r.secrets import vault
from k8s4r.secrets.envelope import CannotDecrypt, Envelope, Place
from pools import selectors
from pools.core import credentials, servers
from pools.core.access import Access, Credential
from pools.core.ports import ClusterRefused, ClusterUnreachable
from pools.models import K8sConfig, Pod, Pool, Reach

TABLE: Final = "pools_k8sconfig"
FIELD: Final = "credential"
# Who is spoken to, and by what it is known.
_WHERE: Final = ("server", "ca_data", "tls_server_name")


def place(config_id: UUID) -> Place:
    """Return where the credential of a config belongs."""
    return Place(TABLE, str(config_id), FIELD)


def check_server(server: str, *, allowed: Allowed) -> None:
    """Refuse a server inside of our own network; what its name leads to now counts as well.

    A name that leads nowhere now is taken: it is looked at again at each connection.

    Raises:
        Invalid: the address is not taken; names the rule.
    """
    where = servers.check(server, allowed)
    try:
        addresses = _addresses(where)
    except Unresolved:
        return
    servers.check_addresses(addresses, where.host, allowed)


@transaction.atomic
def create(
    columns: Mapping[str, Any],
    credential: Credential,
    *,
    project: Project,
    principal: Principal,
    now: datetime,
) -> K8sConfig:
    """Make a config; the first one of a project is its default.

    Locks: the project's default config.

    Raises:
        Conflict: the project has a config of this name.
        Unavailable: there is no key to keep the credential with.
    """
    attribution.attribute(principal.actor, cause="create_k8s_config")
    row = K8sConfig(id=clock.new_id(), project=project, created_at=now, changed_at=now)
    for name, value in columns.items():
        setattr(row, name, value)
    row.is_default = row.is_default or not _of(project.pk).filter(is_default=True).exists()
    _keep(row, credential)
    if row.is_default:
        _clear_default(project.pk)
    _saved(row)
    Reach.objects.create(config=row)
    return row


@transaction.atomic
def change(
    config_id: UUID,
    changes: Mapping[str, Any],
    credential: Credential | None = None,
    *,
    principal: Principal,
    now: datetime,
) -> K8sConfig:
    """Change columns of a config; without a credential it keeps its own.

    That is not sent to another server than the one it was given for. Where pods are, it keeps its
    namespace, in which they are found; and the uid of the cluster, so that another server is known
    to be another way into the same one.

    Locks: the config, and the project's default one.

    Raises:
        NotFound: there is no such config for the caller.
        Forbidden: the caller may see the config, and no more.
        Invalid: it would lead elsewhere, and there is no credential for that.
        Conflict: its project has another of this name; it would leave the namespace of its pods;
            or stop being the default, which only another one that becomes it can do.
    """
    row = locked(config_id, principal)
    if credential is None:
        _check_same_place(row, changes)
    has_pods = Pod.objects.filter(config=row, gone_at=None).exists()
    _check_stays(row, changes, has_pods=has_pods)
    moved = changes.get("server", row.server) != row.server
    attribution.attribute(principal.actor, cause="change_k8s_config")
    if changes.get("is_default") and not row.is_default:
        _clear_default(row.project_id)
    for name, value in changes.items():
        setattr(row, name, value)
    if credential is not None:
        _keep(row, credential)
    row.changed_at = now
    if moved or credential is not None:
        _forget_reach(row, moved=moved and not has_pods)
    return _saved(row)


@transaction.atomic
def set_default(config_id: UUID, *, principal: Principal, now: datetime) -> K8sConfig:
    """Make a config the default of its project, and no other.

    Raises:
        NotFound: there is no such config for the caller.
        Forbidden: the caller may see the config, and no more.
    """
    return change(config_id, {"is_default": True}, principal=principal, now=now)


@transaction.atomic
def archive(config_id: UUID, *, principal: Principal, now: datetime) -> None:
    """End a config; its credential is forgotten.

    Locks: the config.

    Raises:
        NotFound: there is no such config for the caller.
        Forbidden: the caller may see the config, and no more.
        Conflict: pools have their pods by it, or pods of it are not gone yet.
    """
    row = locked(config_id, principal)
    using = Pool.objects.filter(k8s_config=row, archived_at=None).values_list("name", flat=True)
    if names := ", ".join(sorted(using)[:10]):
        raise Conflict(f"pools have their pods by {row.name}: {names}")
    if Pod.objects.filter(config=row, gone_at=None).exists():
        raise Conflict(f"pods of {row.name} are not gone yet")
    attribution.attribute(principal.actor, cause="archive_k8s_config")
    row.archived_at = row.changed_at = now
    row.active = row.is_default = False
    row.encrypted_credential = ""
    row.save()


def access(config: K8sConfig, *, allowed: Allowed, now: datetime) -> Access:
    """Return how a cluster is reached now: opens its credential, looks its host up, checks it.

    Asks the name server: not for transactions.

    Raises:
        ClusterUnreachable: its name has no address now.
        Invalid: it leads into a network that may not be called.
        ClusterRefused: its credential is under a key that is not here.
        Unavailable: there is no key.
    """
    where = servers.check(config.server, allowed)
    try:
        addresses = _addresses(where)
    except Unresolved as error:
        raise ClusterUnreachable(str(error)) from error
    servers.check_addresses(addresses, where.host, allowed)
    openings.record(
        "k8s_config",
        config.pk,
        encrypted=config.encrypted_credential,
        project_id=config.project_id,
        now=now,
    )
    try:
        text = vault.envelope().decrypt(config.encrypted_credential, place(config.pk))
    except CannotDecrypt as error:
        raise ClusterRefused(f"the credential of {config.name}: {error}") from error
    return Access(
        config=str(config.pk),
        server=config.server,
        addresses=addresses,
        ca=config.ca_data,
        tls_server_name=config.tls_server_name,
        namespace=config.namespace,
        credential=credentials.kept(text),
    )


def rewrap(envelope: Envelope) -> list[str]:
    """Wrap every credential anew under the newest key; return which key keeps each.

    Expects a transaction.

    Locks: the configs, by pk.

    Raises:
        CannotDecrypt: one is under a key that is not here.
    """
    rows = K8sConfig.objects.exclude(encrypted_credential="").order_by("pk")
    keys = []
    for row in rows.select_for_update(of=("self",), no_key=True):
        if not envelope.is_current(row.encrypted_credential):
            row.encrypted_credential = envelope.rewrap(row.encrypted_credential, place(row.pk))
            row.save(update_fields=["encrypted_credential"])
        keys.append(row.encrypted_credential.split(".")[1])
    return keys


def locked(config_id: UUID, principal: Principal) -> K8sConfig:
    """Return a config that the caller may change, locked until the transaction ends.

    Raises:
        NotFound: there is no such config for the caller.
        Forbidden: the caller may see the config, and no more.
    """
    rows = selectors.configs(principal).select_for_update(of=("self",), no_key=True)
    row = rows.filter(pk=config_id).first()
    if row is None:
        raise NotFound(f"no K8s config {config_id}")
    principal.require(Permission.FLEET_WRITE, row.project_id)
    return row


def _addresses(where: servers.Place) -> tuple[Address, ...]:
    literal = networks.literal(where.host)
    return (literal,) if literal is not None else resolving.resolve(where.host, where.port)


def _keep(row: K8sConfig, credential: Credential) -> None:
    row.credential_kind = credentials.kind(credential)
    row.credential_expires_at = credentials.expires_at(credential)
    row.encrypted_credential = vault.envelope().encrypt(
        credentials.stored(credential), place(row.pk)
    )


def _check_same_place(row: K8sConfig, changes: Mapping[str, Any]) -> None:
    for name in _WHERE:
        if changes.get(name, getattr(row, name)) != getattr(row, name):
            detail = "give the credential again with another server"
            problem = FieldProblem(f"/{name}", "credential_needed", detail)
            raise Invalid(f"/{name}: {detail}", errors=[problem])


def _check_stays(row: K8sConfig, changes: Mapping[str, Any], *, has_pods: bool) -> None:
    if has_pods and changes.get("namespace", row.namespace) != row.namespace:
        raise Conflict(f"{row.name} has pods in {row.namespace}: it moves when they are gone")
    if row.is_default and changes.get("is_default") is False:
        raise Conflict(f"{row.name} is the default: make another one the default instead")


def _forget_reach(row: K8sConfig, *, moved: bool) -> None:
    """What failed before was by another credential; another cluster has another uid.

    Whoever works on it now goes on by what the config said before: nothing of that is kept.
    """
    fresh: dict[str, Any] = {"failures": 0, "retry_at": None, "last_error": "", "healthy": None}
    fresh |= {"leased_until": None, "checked_at": None}
    if moved:
        fresh |= {"cluster_uid": "", "observed_at": None, "report": {}}
        fresh |= {"alarm": "", "alarmed_at": None, "missing": [], "budgets": []}
    Reach.objects.filter(config=row).update(**fresh)


def _of(project_id: UUID) -> QuerySet[K8sConfig]:
    return K8sConfig.objects.filter(project_id=project_id, archived_at=None)


def _clear_default(project_id: UUID) -> None:
    rows = _of(project_id).filter(is_default=True).select_for_update(of=("self",), no_key=True)
    for row in rows:
        row.is_default = False
        row.save(update_fields=["is_default"])


def _saved(row: K8sConfig) -> K8sConfig:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(f"its project has another K8s config {row.name}") from error
    return row
