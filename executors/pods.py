"""Which pods are there, what is on their slots, and why is a pool as large as it is? Reads only.

Slots are those of agents: what is said of a pod's is said of a machine's in the same words.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from agents.models import Agent, Slot
from executors.core.lifecycle import CURRENT_WORDS, AttemptState
from executors.models import Attempt
from k8s4r.access.principals import Principal
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission
from pools import selectors as pools
from pools.core.pods import PodState
from pools.models import Pod, PodAction, Pool, ScalingDecision


class SlotStatus(StrEnum):
    """How a slot stands: nothing on it, kept for a plan that a person decides about, in use."""

    IDLE = "idle"
    RESERVED = "reserved"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """A slot and its current attempt, with the attempt's task."""

    slot: Slot
    attempt: Attempt | None = None

    @property
    def status(self) -> SlotStatus:
        if self.attempt is None:
            return SlotStatus.IDLE
        return _status(self.attempt.state)


@dataclass(frozen=True, slots=True)
class LaneCount:
    """How many slots of a lane there are, and how many of them stand how."""

    lane: str
    total: int
    running: int
    reserved: int

    @property
    def idle(self) -> int:
        return self.total - self.running - self.reserved


def pods(principal: Principal) -> QuerySet[Pod]:
    """Return the pods of the pools that exist for the caller, with what they belong to."""
    rows = Pod.objects.select_related("pool__project", "config", "agent").defer("log")
    seen = principal.projects(Permission.FLEET_READ)
    return rows if seen is None else rows.filter(_in_reach(seen))


def pod(pod_id: UUID, principal: Principal) -> Pod:
    """Return a pod, with its log.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = pods(principal).defer(None).filter(pk=pod_id).first()
    if found is None:
        raise NotFound(f"no pod {pod_id}")
    return found


def actions(pod_id: UUID) -> QuerySet[PodAction]:
    """Return what was and is to be done to a pod in its cluster, the newest first."""
    return PodAction.objects.filter(pod=pod_id).order_by("-id")


def decisions(pool: Pool) -> QuerySet[ScalingDecision]:
    """Return what looks at a pool's demand led to, the newest first."""
    return ScalingDecision.objects.filter(pool=pool).order_by("-id")


def holders(pool: Pool) -> QuerySet[Agent]:
    """Return the agents whose slots are the pool's: those in its pods, or its members."""
    if pool.k8s_config_id is None:
        return pools.members(pool)
    live = Pod.objects.filter(pool=pool).exclude(state=PodState.GONE)
    return Agent.objects.filter(pk__in=live.values("agent")).order_by("created_at", "id")


def pods_of(agent_ids: Collection[UUID]) -> dict[UUID, Pod]:
    """Return the pod that each agent is in; one on a machine is absent."""
    rows = Pod.objects.filter(agent__in=agent_ids).defer("log")
    return {row.agent_id: row for row in rows}


def slots(agent_ids: Collection[UUID]) -> dict[UUID, list[SlotSeen]]:
    """Return the slots of each agent by index, in two queries for any number."""
    rows = Slot.objects.filter(agent__in=agent_ids, retired_at=None).order_by("index")
    current = Attempt.objects.filter(agent__in=agent_ids, state__in=CURRENT_WORDS)
    held = {one.slot_id: one for one in current.select_related("task__owner", "project")}
    found: dict[UUID, list[SlotSeen]] = {agent_id: [] for agent_id in agent_ids}
    for slot in rows:
        found[slot.agent_id].append(SlotSeen(slot, held.get(slot.pk)))
    return found


def counts(agents: QuerySet[Agent]) -> list[LaneCount]:
    """Count the slots of agents by lane, in two queries."""
    ids = agents.order_by().values("pk")
    rows = Slot.objects.filter(agent__in=ids, retired_at=None).order_by()
    totals = dict(rows.values_list("lane").annotate(Count("pk")))
    current = Attempt.objects.filter(agent__in=ids, state__in=CURRENT_WORDS).order_by()
    used: Counter[tuple[str, SlotStatus]] = Counter()
    for lane, state, number in current.values_list("slot__lane", "state").annotate(Count("pk")):
        used[lane, _status(state)] += number
    return [
        LaneCount(lane, total, used[lane, SlotStatus.RUNNING], used[lane, SlotStatus.RESERVED])
        for lane, total in sorted(totals.items())
    ]


def summed(lanes: Iterable[LaneCount]) -> LaneCount:
    """Return what all lanes have together."""
    found = list(lanes)
    return LaneCount(
        "",
        sum(one.total for one in found),
        sum(one.running for one in found),
        sum(one.reserved for one in found),
    )


def by_state(rows: QuerySet[Pod]) -> Mapping[str, int]:
    """Return how many pods are in each state in which there is one."""
    return dict(rows.order_by().values_list("state").annotate(Count("pk")))


def last_hour(pool: Pool, *, since: datetime) -> Sequence[ScalingDecision]:
    """Return the decisions that held at some time since then, the oldest first; one query."""
    return list(decisions(pool).filter(until__gte=since).order_by("id"))


def _in_reach(project_ids: Collection[UUID]) -> Q:
    shared = Q(pool__shared_with__has_any_keys=sorted(map(str, project_ids)))
    return Q(pool__project_id__in=project_ids) | shared


def _status(state: str) -> SlotStatus:
    return SlotStatus.RESERVED if state == AttemptState.HELD else SlotStatus.RUNNING
