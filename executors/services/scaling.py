"""How many pods does a pool get, and which go? Demand, decide, rows; the cluster hears of it later.

Every few seconds of every pool with pods, and at once where a pass leaves tasks that pods could
take. A crash at any point leaves rows that the next look goes on from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from executors import decision, pod_loads, supply, wakeups
from executors.core import pod_demand
from executors.core.fairness import Queued
from executors.decision import Facts
from executors.pod_loads import PodLoad
from executors.services import draining, shielding, task_pods
from executors.services.dispatch import PassResult
from executors.supply import Demand, Supply
from k8s4r import failpoints
from k8s4r.audit import attribution
from pools.core import autoscale
from pools.core.autoscale import Load, Scaling, ScalingPolicy, SlotDemand, TaskDemand
from pools.core.pods import PodMode, PodState
from pools.models import Pod, Pool, ScalingDecision
from pools.services import pods
from pools.services.pods import NewPod

# Between two looks that passes ask for; a new reason to wait is looked at whenever it comes.
APART: Final = timedelta(seconds=1)
MOST_TASKS: Final = 3_000

# What a pod of the pool would look like today, as a hash; ``None``: nobody can say.
Fingerprint = Callable[[Pool], str | None]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What a look sees of a pool, under its lock; ``waiting`` could run now if there were pods.

    They are in turn where it matters who gets a pod, or how many may run.
    """

    pool: Pool
    loads: Sequence[PodLoad]
    waiting: Sequence[Queued]
    demand: Demand
    facts: Facts


def pools_with_pods() -> list[UUID]:
    """Return the pools that want a look: those with a config, and archived ones with pods left."""
    left = Pod.objects.filter(pool=OuterRef("pk")).exclude(state=PodState.GONE)
    rows = Pool.objects.filter(k8s_config__isnull=False).filter(Q(archived_at=None) | Exists(left))
    return list(rows.order_by("pk").values_list("pk", flat=True))


def after(result: PassResult, pool_id: UUID, *, now: datetime, aging_weight_s: float,
          fingerprint: Fingerprint | None = None) -> Scaling | None:  # fmt: skip
    """Look at a pool because of what a pass left, unless somebody did so a moment ago."""
    if not result.wants_pods:
        return None
    if not result.is_new and _looked_at_since(pool_id, now - APART):
        return None
    return look(pool_id, now=now, aging_weight_s=aging_weight_s, fingerprint=fingerprint)


@transaction.atomic
def look(
    pool_id: UUID, *, now: datetime, aging_weight_s: float, fingerprint: Fingerprint | None = None
) -> Scaling | None:
    """Decide how many pods a pool has, and ask for what is missing or too much.

    Locks: the pool; then agents of pods that go, by pk, skipping what others hold; their pods.

    Returns:
        What was decided; ``None`` where the pool has no pods, or is gone.
    """
    rows = Pool.objects.select_for_update(of=("self",), no_key=True)
    pool = rows.select_related("k8s_config", "project").filter(pk=pool_id).first()
    if pool is None or pool.k8s_config is None:
        return None
    attribution.attribute(attribution.SYSTEM, cause="scaling")
    sight = _see(pool, now=now, aging_weight_s=aging_weight_s)
    shielding.level(pool, sight.loads, now=now)
    outlook = sight.facts.pool.pods
    assert outlook is not None, "the pool has pods"
    current = None if fingerprint is None else fingerprint(pool)
    needs = _demand(sight)
    scaling = autoscale.decide(
        needs, [one.view(current) for one in sight.loads], _policy(sight), outlook, now=now
    )
    made = _make(sight, scaling, now=now)
    drained = _drain(sight, scaling, now=now)
    _record(pool, needs, scaling, {"made": made, "drained": drained}, now=now)
    return scaling


def _looked_at_since(pool_id: UUID, moment: datetime) -> bool:
    newest = ScalingDecision.objects.filter(pool=pool_id).values_list("until", flat=True).first()
    return newest is not None and newest > moment


def _see(pool: Pool, *, now: datetime, aging_weight_s: float) -> _Sight:
    offer = supply.candidates(pool)
    most = min(pool.max_pods * autoscale.SLOTS_OF_A_POD + 1, MOST_TASKS)
    demand = supply.demand(pool.pk, limit=most)
    facts = decision.facts_of(pool, demand, now=now)
    limits, waiting = decision.limits_of(pool, demand), _helped(pool, demand, offer)
    if pool.pod_mode == PodMode.TASK or not limits.are_none:
        able = pod_demand.may_run(
            waiting, held=facts.held, limits=limits, aging_weight_s=aging_weight_s
        )
        waiting = list(islice(able, most))
    return _Sight(pool, pod_loads.pod_loads(pool), waiting, demand, facts)


def _helped(pool: Pool, demand: Demand, offer: Supply) -> list[Queued]:
    """Return what waits and could run in a pod of the pool."""
    helped = {
        identity
        for identity, requirement in demand.requirements.items()
        if pod_demand.would_help(requirement, offer.candidates, pool.required_labels)
    }
    return [queued for queued in demand.queue if queued.requirement_id in helped]


def _demand(sight: _Sight) -> SlotDemand | TaskDemand:
    busy, held = pod_loads.by_lane(sight.loads)
    if sight.pool.pod_mode == PodMode.TASK:
        waiting = len(sight.waiting)
        return TaskDemand(Load(busy=busy["general"], held=held["general"], queued=waiting))
    queued = pod_demand.lanes(sight.waiting, sight.demand.requirements)
    return SlotDemand(
        Load(busy=busy["main"], held=held["main"], queued=queued["main"]),
        Load(busy=busy["plan"], held=held["plan"], queued=queued["plan"]),
    )


def _policy(sight: _Sight) -> ScalingPolicy:
    """Return what people set; an archived pool is to have no pods at all."""
    pool, config = sight.pool, sight.pool.k8s_config
    assert config is not None, "the pool has pods"
    is_kept = pool.archived_at is None
    keeps_ready = is_kept and pool.pod_mode == PodMode.SLOTS
    return ScalingPolicy(
        least=pool.min_pods if keeps_ready else 0,
        most=pool.max_pods if is_kept else 0,
        spares=pool.warm_spares if keeps_ready else 0,
        cooldown=timedelta(seconds=pool.cooldown_s),
        surge=pool.max_surge,
        is_held=bool(sight.facts.pool.barriers),
        is_active=config.active and config.archived_at is None,
    )


def _make(sight: _Sight, scaling: Scaling, *, now: datetime) -> int:
    """Make the pods, and have the tasks told that they are coming."""
    wanted: Sequence[NewPod] = [NewPod()] * scaling.make
    if sight.pool.pod_mode == PodMode.TASK:
        turns = task_pods.turns(sight.waiting, sight.loads, now=now)
        task_pods.give_up(turns.given_up, now=now)
        wanted = turns.next[: scaling.make]
    if not wanted:
        return 0
    made = pods.make(sight.pool, wanted, now=now)
    failpoints.reach("scaling.before_commit")
    wakeups.tasks_waiting([sight.pool.pk])
    wakeups.clusters_changed([made[0].config_id])
    return len(made)


def _drain(sight: _Sight, scaling: Scaling, *, now: datetime) -> int:
    """Let the pods go that may: at once, or after the time that failed ones are kept."""
    kept = timedelta(seconds=sight.pool.keep_failed_s)
    failed = {one.agent_id for one in sight.loads if one.failed_its_task}
    drained = draining.drain_if_idle(set(scaling.drain) - failed, now=now)
    drained |= draining.drain_if_idle(failed & set(scaling.drain), now=now, delete_at=now + kept)
    over = [one.agent_id for one in sight.loads if one.is_idle and _is_over(one, kept, now)]
    return len(drained | draining.drain_if_idle(over, now=now))


def _is_over(pod: PodLoad, kept: timedelta, now: datetime) -> bool:
    """Is it to go once it is idle: drained by a person, or failed and looked at long enough?"""
    if pod.state == PodState.FAILED:
        return pod.changed_at + kept <= now
    return pod.state == PodState.DRAINING


def _record(
    pool: Pool,
    needs: SlotDemand | TaskDemand,
    scaling: Scaling,
    done: Mapping[str, int],
    *,
    now: datetime,
) -> None:
    """Keep what was decided; the same again, where nothing is done, is the same row."""
    facts: dict[str, Any] = {
        "demand": {
            lane: {"busy": one.busy, "queued": one.queued, "held": one.held}
            for lane, one in needs.loads.items()
        },
        "desired": scaling.desired,
        "serving": scaling.serving,
        "ready": scaling.ready,
        "counted": scaling.counted,
        **done,
        "code": str(scaling.code),
        "reason": scaling.reason,
    }
    last = ScalingDecision.objects.filter(pool=pool).first()
    if last is not None and not any(done.values()) and _says(last) == facts:
        rows = ScalingDecision.objects.filter(pk=last.pk)
        rows.update(until=now, times=last.times + 1)
        return
    ScalingDecision.objects.create(pool=pool, at=now, until=now, **facts)


def _says(row: ScalingDecision) -> dict[str, Any]:
    names = ("demand", "desired", "serving", "ready", "counted", "made", "drained", "code",
             "reason")  # fmt: skip
    return {name: getattr(row, name) for name in names}
