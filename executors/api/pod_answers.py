"""What do answers about pods, slots and sizes look like? `executors.pod_shapes` makes them."""

from uuid import UUID

from agents.api.answers import Slots
from agents.core.states import Desired, Observed
from agents.models import Lane
from executors.core.lifecycle import AttemptState
from executors.pods import SlotStatus
from k8s4r.api.answers import Moment, Shape
from pools.core.pods import ActionKind, ActionState, PodFailure, PodState


class KnownPod(Shape, frozen=True):
    """Who a pod is and how it stands.

    ``failure`` is empty for one that has not failed; ``message`` is what Kubernetes says of it,
    ``advice`` what a person does about it.
    """

    id: UUID
    pod_id: UUID
    name: str
    namespace: str
    uid: str
    node: str
    state: PodState
    failure: PodFailure
    message: str
    advice: str
    shielded: bool


class ListedPod(KnownPod, frozen=True):
    """A pod as one of many; ``task_id`` where it is for one task alone."""

    pool: str
    pool_id: UUID
    project: str
    project_id: UUID
    config: str
    config_id: UUID
    agent_id: UUID
    agent_observed: Observed
    agent_desired: Desired
    task_id: UUID | None
    template_hash: str
    slots: Slots
    created_at: Moment
    changed_at: Moment
    observed_at: Moment | None
    ready_at: Moment | None
    idle_since: Moment | None
    gone_at: Moment | None


class SlotTask(Shape, frozen=True):
    """What is on a slot: a task, and which attempt at it."""

    id: UUID
    attempt_id: UUID
    name: str
    kind: str
    driver: str
    phase: str
    project: str
    owner: str
    attempt: int
    attempt_state: AttemptState


class Slot(Shape, frozen=True):
    """A slot and what is on it; a ``task`` that the caller may not read is null.

    ``reserved``: kept until ``held_until`` for a plan that a person decides about.
    """

    slot_id: UUID
    index: int
    lane: Lane
    status: SlotStatus
    since: Moment | None
    held_until: Moment | None
    task: SlotTask | None


class Action(Shape, frozen=True):
    """Something done to a pod in its cluster, tried from ``not_before`` on until it is done."""

    id: int
    kind: ActionKind
    state: ActionState
    tries: int
    not_before: Moment
    error: str
    created_at: Moment
    done_at: Moment | None


class Pod(ListedPod, frozen=True):
    """A pod with its slots, what was done to it, and the end of the log that was kept of it."""

    slot_map: list[Slot]
    actions: list[Action]
    log_bytes: int
    log_end: str


class PodLog(Shape, frozen=True):
    """What was kept of the log of a pod that failed: its end, empty when nothing was."""

    pod_id: UUID
    name: str
    state: PodState
    failure: PodFailure
    bytes: int
    text: str


class SlotCount(Shape, frozen=True):
    """How many slots there are, and how they stand; ``idle``: could take work now."""

    total: int
    idle: int
    running: int
    reserved: int


class SlotTotals(SlotCount, frozen=True):
    """The slots of a whole pool, in all and by lane."""

    lanes: dict[str, SlotCount]


class SlotHolder(Shape, frozen=True):
    """An agent of a pool with its slots, and the pod that it is in, if it is in one."""

    agent_id: UUID
    agent: str
    observed: Observed
    desired: Desired
    pod: KnownPod | None
    created_at: Moment
    slots: list[Slot]


class SlotMap(Shape, frozen=True):
    """The slots of a pool, agent by agent, the oldest first; ``totals`` are of the whole pool.

    ``next`` is the ``cursor`` of the agents that follow, if there are any.
    """

    items: list[SlotHolder]
    next: str | None
    totals: SlotTotals


class LaneDemand(Shape, frozen=True):
    """What asks for slots of a lane: in use, waiting, and kept for a decision."""

    busy: int = 0
    queued: int = 0
    held: int = 0


class ScalingDecision(Shape, frozen=True):
    """What looks at a pool's demand led to, ``times`` times between ``at`` and ``until``.

    Numbers of pods: ``desired``, ``serving`` (there or coming), ``ready``, ``counted`` (against
    the pool's most); ``made`` and ``drained`` is what was done.
    """

    id: int
    at: Moment
    until: Moment
    times: int
    demand: dict[str, LaneDemand]
    desired: int
    serving: int
    ready: int
    counted: int
    made: int
    drained: int
    code: str
    reason: str
