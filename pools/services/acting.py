"""How is what the rows ask for done in a cluster? Taken, executed without a transaction, written.

    take (transaction)  ->  do (network, some threads, no row locked)  ->  write (transaction)

A crash between any two leaves an action pending, whose lease ends: it is done again, and every call
may be. No delete is taken of a pod that is not `deleting`, which only a drain or a failure makes.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from agents.core.states import Desired
from k8s4r.audit import attribution
from pools.core import manifests
from pools.core.manifests import Ground, Platform
from pools.core.pods import ActionKind, ActionState, PodEvent, PodState
from pools.core.ports import ClusterPort
from pools.models import Pod, PodAction
from pools.services import doing, pods, reach, shaping
from pools.services.doing import Job, Result

BATCH: Final = 64
MOST_BATCHES: Final = 40
LEASE: Final = timedelta(minutes=2)
ERROR_CHARACTERS: Final = 500
# In these a pod may be shielded; in others there is nothing to protect, or nothing yet.
_SHIELDS: Final = (ActionKind.SHIELD, ActionKind.UNSHIELD)
_SHIELDED: Final = (PodState.STARTING, PodState.READY, PodState.DRAINING, PodState.UNKNOWN)


def run(
    config_id: UUID, port: ClusterPort, platform: Platform, *, clock: Callable[[], datetime]
) -> int:
    """Do what is due in the cluster of a config; return how many actions got an answer.

    Raises:
        ClusterUnreachable: it does not answer; what had an answer before is written.
    """
    answered = 0
    prepare(config_id, now=clock())
    for _ in range(MOST_BATCHES):
        jobs = take(config_id, platform, now=clock())
        if not jobs:
            break
        results = doing.do(jobs, port)
        write(results, now=clock())
        answered += len(results)
        silent = next((one.silence for one in results if one.silence is not None), None)
        if silent is not None:
            raise silent
    return answered


def due(config_ids: Collection[UUID], *, now: datetime) -> frozenset[UUID]:
    """Return those of the configs in whose clusters something is to be done; one statement."""
    rows = _possible(config_ids, now).order_by()
    return frozenset(rows.values_list("pod__config", flat=True).distinct())


@transaction.atomic
def prepare(config_id: UUID, *, now: datetime) -> None:
    """Let failed pods go whose time to be kept is over, and drop what is asked for in vain.

    A failed pod goes only after its work was settled, when its agent is archived: until then a
    slot of it might be somebody's.

    Locks: the failed pods, by pk; then the actions, by pk.
    """
    due_now = _due([config_id], now)
    deletes = due_now.filter(kind=ActionKind.DELETE)
    settled = deletes.filter(pod__state=PodState.FAILED, pod__agent__archived_at__isnull=False)
    ids = list(settled.values_list("pod", flat=True))
    if ids:
        attribution.attribute(attribution.SYSTEM, cause="failed")
        pods.move(ids, PodEvent.DELETE, now=now)
    vain = Q(kind=ActionKind.CREATE) & ~Q(pod__state=PodState.CREATING)
    vain |= Q(kind__in=_SHIELDS) & ~Q(pod__state__in=[*_SHIELDED, PodState.CREATING])
    pods.close(due_now.filter(vain), now=now)


@transaction.atomic
def take(config_id: UUID, platform: Platform, *, now: datetime) -> list[Job]:
    """Take actions that are due, one of each pod, and return all that their execution needs.

    A budget that is about to be made is remembered before: a crash leaves none behind.

    Locks: the actions, skipping what others hold; then the config's reach.
    """
    rows = _possible([config_id], now).order_by("pk")
    locked = rows.select_for_update(of=("self",), skip_locked=True)
    found = list(locked.select_related("pod__pool__k8s_config", "pod__pool__project")[:BATCH])
    firsts = {action.pod_id: action for action in reversed(found)}
    chosen = sorted(firsts.values(), key=lambda action: action.pk)
    PodAction.objects.filter(pk__in=[action.pk for action in chosen]).update(
        leased_until=now + LEASE, tries=F("tries") + 1
    )
    jobs = _jobs(chosen, platform)
    shields = {action.pod.pool_id for action in chosen if action.kind == ActionKind.SHIELD}
    reach.expect_budgets(config_id, shields)
    return jobs


@transaction.atomic
def write(results: Sequence[Result], *, now: datetime) -> None:
    """Write what came of the actions; one statement for each kind of change.

    Locks: their pods, by pk; then all that is asked for these, by pk.
    """
    attribution.attribute(attribution.SYSTEM, cause="cluster")
    pods.lock({one.pod_id for one in results})
    pods.note([one.note for one in results if one.note is not None], now=now)
    for event in (PodEvent.CREATED, PodEvent.GONE):
        pods.move([one.pod_id for one in results if one.event is event], event, now=now)
    _keep(results)
    _close([one.action_id for one in results if one.is_done], now=now)
    PodAction.objects.bulk_update(
        [
            PodAction(
                pk=one.action_id,
                error=one.error[:ERROR_CHARACTERS],
                not_before=now + one.wait,
                leased_until=None,
            )
            for one in results
            if not one.is_done
        ],
        ["error", "not_before", "leased_until"],
    )


def _keep(results: Sequence[Result]) -> None:
    """Keep hashes of templates and logs of pods that are about to go."""
    made = [
        Pod(pk=one.pod_id, template_hash=one.template_hash) for one in results if one.template_hash
    ]
    Pod.objects.bulk_update(made, ["template_hash"])
    told = [Pod(pk=one.pod_id, log=one.log) for one in results if one.log]
    Pod.objects.bulk_update(told, ["log"])


def _close(action_ids: Collection[int], *, now: datetime) -> None:
    PodAction.objects.filter(pk__in=action_ids, state=ActionState.PENDING).update(
        state=ActionState.DONE, done_at=now, leased_until=None, error=""
    )


def _due(config_ids: Collection[UUID], now: datetime) -> QuerySet[PodAction]:
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    return PodAction.objects.filter(
        free, pod__config__in=config_ids, state=ActionState.PENDING, not_before__lte=now
    )


def _possible(config_ids: Collection[UUID], now: datetime) -> QuerySet[PodAction]:
    """Return what can be done now; nothing of a pod to which something is being done."""
    taken = PodAction.objects.filter(
        pod=OuterRef("pod"), state=ActionState.PENDING, leased_until__gt=now
    )
    possible = (
        Q(kind=ActionKind.CREATE, pod__state=PodState.CREATING)
        | Q(kind__in=_SHIELDS, pod__state__in=_SHIELDED, pod__uid__gt="")
        | Q(
            kind=ActionKind.DELETE,
            pod__state=PodState.DELETING,
            pod__agent__desired__in=[Desired.DRAINING, Desired.REVOKED],
        )
    )
    return _due(config_ids, now).filter(possible).exclude(Exists(taken))


def _jobs(actions: Sequence[PodAction], platform: Platform) -> list[Job]:
    """Return what the execution of the actions needs; what pods of a pool share is made once."""
    pools = {action.pod.pool_id: action.pod.pool for action in actions}
    grounds = {key: shaping.ground(pool, platform=platform) for key, pool in pools.items()}
    hashes = {key: manifests.template_hash(ground) for key, ground in grounds.items()}
    return [
        _job(action, grounds[action.pod.pool_id], hashes[action.pod.pool_id]) for action in actions
    ]


def _job(action: PodAction, ground: Ground, template_hash: str) -> Job:
    pod, kind = action.pod, ActionKind(action.kind)
    is_create = kind is ActionKind.CREATE
    return Job(
        action_id=action.pk,
        kind=kind,
        tries=action.tries + 1,
        pod=doing.Target(id=pod.pk, name=pod.name, uid=pod.uid),
        manifest=manifests.manifest(ground, shaping.identity(pod)) if is_create else None,
        template_hash=template_hash if is_create else "",
        budget=manifests.budget(ground) if kind is ActionKind.SHIELD else None,
        wants_log=bool(pod.failure) and not pod.log,
    )
