"""How does a pool come to be, change and end, and who is listed in it?"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from agents.models import Agent
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Conflict, FieldProblem, Invalid, NotFound, pointer
from k8s4r.core.roles import Permission
from pools import selectors
from pools.core import gates
from pools.core.windows import leave_time_open
from pools.models import Membership, Pool, PoolType
from pools.services import podding

# Who is listed in a pool stands in no column of it.
AGENT_IDS: Final = "agent_ids"
_NO_COLUMNS: Final = frozenset({AGENT_IDS, podding.K8S})
# What a pause consists of; it is written together.
_PAUSE: Final = ("paused", "paused_reason", "paused_by", "paused_at", "paused_until")
_NEEDS_PAUSED: Final = "belongs to a pause: send paused: true with it"
_NEVER_OPEN: Final = "leave no time at which the pool is open: pause it instead"


@transaction.atomic
def create(
    name: str,
    *,
    project: Project,
    now: datetime,
    actor: Actor | None = None,
    by: str = "",
    **columns: Any,
) -> Pool:
    """Make a pool; ``columns`` are those of `Pool`, and as ``agent_ids`` who is listed in it.

    ``by`` is the actor's name. Without an actor in a transaction that is signed already.

    Raises:
        Conflict: the project has a pool of this name.
        Invalid: the parts do not fit each other, or an agent is not one of the project.
    """
    if actor is not None:
        attribution.attribute(actor, cause="create_pool")
    agent_ids = columns.pop(AGENT_IDS, ())
    pods = columns.pop(podding.K8S, None)
    row = Pool(name=name, project=project, created_at=now, changed_at=now, **columns)
    podding.settle(row, pods)
    _settle_pause(row, was_paused=False, by=by, now=now)
    _check(row, now=now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"project {project.name} has a pool {name}") from error
    _list_agents(row, agent_ids, now=now)
    return row


@transaction.atomic
def change(
    pool_id: UUID,
    changes: Mapping[str, Any],
    *,
    principal: Principal,
    now: datetime,
    cause: str = "change_pool",
) -> Pool:
    """Change columns of a pool and, as ``agent_ids``, who is listed in it.

    ``cause`` is what its event names.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
        Conflict: its project has another pool of this name, it is the default pool, whose name
            and rule of membership stay, or it has pods that could not stay as they are.
        Invalid: the parts do not fit each other, or an agent is not one of the project.
    """
    row = locked(pool_id, principal)
    if row.name == selectors.DEFAULT and _unsettles_default(row, changes):
        raise Conflict("the default pool keeps its name and takes every agent of its project")
    attribution.attribute(principal.actor, cause=cause)
    was_paused = row.paused
    columns = {name: value for name, value in changes.items() if name not in _NO_COLUMNS}
    for column, value in columns.items():
        setattr(row, column, value)
    if podding.K8S in changes:
        podding.settle(row, changes[podding.K8S])
    _settle_pause(row, was_paused=was_paused, by=principal.name, now=now)
    _check(row, now=now)
    row.changed_at = now
    try:
        with transaction.atomic():
            row.save(update_fields=[*columns, *_PAUSE, *podding.COLUMNS, "changed_at"])
    except IntegrityError as error:
        raise Conflict(f"its project has another pool {row.name}") from error
    if AGENT_IDS in changes:
        Membership.objects.filter(pool=row).exclude(agent_id__in=changes[AGENT_IDS]).delete()
        _list_agents(row, changes[AGENT_IDS], now=now)
    return row


@transaction.atomic
def end_pauses(*, now: datetime, limit: int) -> int:
    """Resume pools whose pause was given a time that is over; return how many.

    Locks: the pools, skipping what others hold.
    """
    over = Pool.objects.filter(paused=True, paused_until__lte=now).order_by("pk")
    rows = list(over.select_for_update(of=("self",), no_key=True, skip_locked=True)[:limit])
    if rows:
        attribution.attribute(attribution.SYSTEM, cause="pause_over")
    for row in rows:
        row.paused = False
        _settle_pause(row, was_paused=True, by="", now=now)
        row.changed_at = now
        row.save(update_fields=[*_PAUSE, "changed_at"])
    return len(rows)


@transaction.atomic
def archive(pool_id: UUID, *, principal: Principal, now: datetime) -> None:
    """End a pool: it takes no new tasks; those it has still run.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
        Conflict: a project keeps its default pool.
    """
    row = locked(pool_id, principal)
    if row.name == selectors.DEFAULT:
        raise Conflict("a project keeps its default pool")
    attribution.attribute(principal.actor, cause="archive_pool")
    row.archived_at = row.changed_at = now
    row.save(update_fields=["archived_at", "changed_at"])


@transaction.atomic
def add_agents(
    pool_id: UUID, agent_ids: Sequence[UUID], *, principal: Principal, now: datetime
) -> Pool:
    """List agents in a static pool; who is listed already stays.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
        Conflict: a dynamic pool finds its members by labels.
        Invalid: names agents that the pool's project does not have.
    """
    row = _static(pool_id, principal)
    attribution.attribute(principal.actor, cause="add_agents")
    _list_agents(row, agent_ids, now=now)
    return row


@transaction.atomic
def remove_agent(pool_id: UUID, agent_id: UUID, *, principal: Principal) -> None:
    """Take an agent off the list of a static pool; what it runs it goes on with.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller, or the agent is not listed in it.
        Forbidden: the caller may see the pool, and no more.
        Conflict: a dynamic pool finds its members by labels.
    """
    row = _static(pool_id, principal)
    attribution.attribute(principal.actor, cause="remove_agent")
    removed, _ = Membership.objects.filter(pool=row, agent_id=agent_id).delete()
    if not removed:
        raise NotFound(f"no agent {agent_id} in pool {row.name}")


def _list_agents(row: Pool, agent_ids: Sequence[UUID], *, now: datetime) -> None:
    if not agent_ids:
        return
    if row.type != PoolType.STATIC:
        detail = "a dynamic pool finds its members by their labels"
        raise Invalid(detail, errors=[FieldProblem("/agent_ids", "static_only", detail)])
    known = set(
        Agent.objects.filter(
            pk__in=agent_ids, project_id=row.project_id, archived_at=None
        ).values_list("pk", flat=True)
    )
    unknown = [
        FieldProblem(pointer("agent_ids", index), "unknown", f"no agent {agent_id} in its project")
        for index, agent_id in enumerate(agent_ids)
        if agent_id not in known
    ]
    if unknown:
        raise Invalid("some agents cannot be added", errors=unknown)
    Membership.objects.bulk_create(
        [Membership(pool=row, agent_id=agent_id, added_at=now) for agent_id in sorted(known)],
        ignore_conflicts=True,
    )


def _settle_pause(row: Pool, *, was_paused: bool, by: str, now: datetime) -> None:
    """Say who paused it and since when; a pool that is not paused has nothing of a pause."""
    if row.paused and not was_paused:
        row.paused_at, row.paused_by = now, by
    if was_paused and not row.paused:
        row.paused_reason, row.paused_until = "", None
    if not row.paused:
        row.paused_at, row.paused_by = None, ""


def _check(row: Pool, *, now: datetime) -> None:
    podding.check(row, is_default=row.name == selectors.DEFAULT)
    _check_gate(row, now=now)


def _check_gate(row: Pool, *, now: datetime) -> None:
    """Refuse a gate that does not mean what its author hopes."""
    problems = []
    if not row.paused and row.paused_reason:
        problems.append(FieldProblem("/paused_reason", "needs_paused", _NEEDS_PAUSED))
    if not row.paused and row.paused_until:
        problems.append(FieldProblem("/paused_until", "needs_paused", _NEEDS_PAUSED))
    if not leave_time_open(gates.windows(row.windows), now=now):
        problems.append(FieldProblem("/windows", "never_open", _NEVER_OPEN))
    if problems:
        raise Invalid(f"{problems[0].pointer}: {problems[0].detail}", errors=problems)


def _static(pool_id: UUID, principal: Principal) -> Pool:
    row = locked(pool_id, principal)
    if row.type != PoolType.STATIC:
        raise Conflict(f"pool {row.name} is dynamic: it finds its members by their labels")
    return row


def locked(pool_id: UUID, principal: Principal) -> Pool:
    """Return a pool that the caller may change, locked until the transaction ends.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
    """
    rows = selectors.pools(principal).select_for_update(of=("self",), no_key=True)
    row = rows.filter(pk=pool_id).first()
    if row is None:
        raise NotFound(f"no pool {pool_id}")
    principal.require(Permission.FLEET_WRITE, row.project_id)
    return row


def _unsettles_default(row: Pool, changes: Mapping[str, Any]) -> bool:
    kept = ("name", "type", "required_labels")
    return any(column in changes and changes[column] != getattr(row, column) for column in kept)
