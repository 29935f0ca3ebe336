"""Which pods are there, what is on their slots, and why is a pool as large as it is? Reads only.

Slots are those of agents: what is said of a pod's is said of a machine's in the same words.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery

from agents.core.states import Desired, Observed
from agents.models import Agent, Slot
from executors.core.lifecycle import CURRENT_WORDS, AttemptState
from executors.models import Attempt
from k8s4r import database
from k8s4r.access.principals import Principal
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission
from pools import selectors as pools
from pools.core.pods import PodState
from pools.models import Pod, PodAction, Pool, ScalingDecision

# Nobody is shown them in a list; of a config nobody ever is shown the second.
_HEAVY: Final = ("log", "config__ca_data", "config__encrypted_credential")
# Nothing is on it, and its agent is not there to take anything.
_AWAY: Final = "away"


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
    """How many slots of a lane there are, and how many of them stand how.

    ``idle`` ones could take work now: their agent is online and active. What is none of the three
    has nothing on it, and an agent that is not there.
    """

    lane: str
    total: int
    running: int
    reserved: int
    idle: int

    @property
    def used(self) -> int:
        return self.running + self.reserved


def pods(principal: Principal) -> QuerySet[Pod]:
    """Return the pods of the pools that exist for the caller, with what they belong to."""
    rows = Pod.objects.select_related("pool__project", "config", "agent").defer(*_HEAVY)
    seen = principal.projects(Permission.FLEET_READ)
    return rows if seen is None else rows.filter(pools.in_reach(seen, "pool__"))


def pod(pod_id: UUID, principal: Principal) -> Pod:
    """Return a pod, with its log.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = pods(principal).defer(None).defer(*_HEAVY[1:]).filter(pk=pod_id).first()
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
    """Count the slots of agents by lane, in one query."""
    current = Attempt.objects.filter(slot=OuterRef("pk"), state__in=CURRENT_WORDS)
    rows = Slot.objects.filter(agent__in=agents.order_by().values("pk"), retired_at=None)
    found = rows.order_by().annotate(on_it=Subquery(current.values("state")[:1]))
    grouped = found.values_list("lane", "on_it", "agent__observed", "agent__desired")
    numbers: dict[str, Counter[str]] = {}
    for lane, state, observed, desired, number in grouped.annotate(Count("pk")):
        can_work = (observed, desired) == (Observed.ONLINE, Desired.ACTIVE)
        word = _status(state) if state else (SlotStatus.IDLE if can_work else _AWAY)
        numbers.setdefault(lane, Counter())[word] += number
    return [_lane(lane, counted) for lane, counted in sorted(numbers.items())]


def summed(lanes: Iterable[LaneCount]) -> LaneCount:
    """Return what all lanes have together."""
    found = list(lanes)
    return LaneCount(
        "",
        sum(one.total for one in found),
        sum(one.running for one in found),
        sum(one.reserved for one in found),
        sum(one.idle for one in found),
    )


# Of pods that are not gone; NULL as projects: of all.
_BY_POOL: Final = """
SELECT p.pool_id, count(*), count(c.id) FILTER (WHERE c.state <> %(held)s),
       count(c.id) FILTER (WHERE c.state = %(held)s),
       count(*) FILTER (WHERE c.id IS NULL AND a.observed = 'online' AND a.desired = 'active')
FROM pools_pod p JOIN pools_pool o ON o.id = p.pool_id JOIN agents_agent a ON a.id = p.agent_id
JOIN agents_slot s ON s.agent_id = p.agent_id AND s.retired_at IS NULL
LEFT JOIN executors_attempt c ON c.slot_id = s.id AND c.state = ANY(%(current)s)
WHERE p.state <> %(gone)s
  AND (%(projects)s::uuid[] IS NULL OR o.project_id = ANY(%(projects)s::uuid[]))
GROUP BY p.pool_id
"""


def by_pool(project_ids: Collection[UUID] | None) -> dict[UUID, LaneCount]:
    """Count the slots of each pool of pods of these projects (None: of all), in one query."""
    parameters = {
        "held": str(AttemptState.HELD),
        "current": CURRENT_WORDS,
        "gone": str(PodState.GONE),
        "projects": None if project_ids is None else sorted(project_ids),
    }
    rows = database.rows(_BY_POOL, parameters)
    return {pool_id: LaneCount("", *numbers) for pool_id, *numbers in rows}


def by_state(rows: QuerySet[Pod]) -> Mapping[str, int]:
    """Return how many pods are in each state in which there is one."""
    return dict(rows.order_by().values_list("state").annotate(Count("pk")))


def last_hour(pool: Pool, *, since: datetime) -> Sequence[ScalingDecision]:
    """Return the decisions that held at some time since then, the oldest first; one query."""
    return list(decisions(pool).filter(until__gte=since).order_by("id"))


def _lane(lane: str, counted: Counter[str]) -> LaneCount:
    running, reserved = counted[SlotStatus.RUNNING], counted[SlotStatus.RESERVED]
    return LaneCount(lane, counted.total(), running, reserved, counted[SlotStatus.IDLE])


def _status(state: str) -> SlotStatus:
    return SlotStatus.RESERVED if state == AttemptState.HELD else SlotStatus.RUNNING
