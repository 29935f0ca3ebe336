"""What do answers about reasons and passes look like? `executors.reason_shapes` makes them."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from executors.core.codes import WaitingCode
from executors.core.lifecycle import TaskState
from k8s4r.api.answers import Moment, Shape
from pools.api.answers import Barrier


class Gate(Shape, frozen=True):
    """One condition of starting; ``passed`` is null where nothing came so far."""

    name: str
    passed: bool | None
    needed: str
    found: str
    since: Moment | None
    until: Moment | None
    note: str
    by: str


class Advice(Shape, frozen=True):
    """What would end the wait: ``role`` may do it, by ``command``."""

    role: str
    text: str
    command: str


class Candidate(Shape, frozen=True):
    """What keeps one agent from a task: the rule, what it needed and what it found.

    In a dry run ``code`` may be ``chosen`` or ``not_chosen`` as well.
    """

    agent_id: UUID
    agent: str
    code: str
    rule: str | None
    needed: str | None
    found: str | None
    since: Moment | None


class TaskWaiting(Shape, frozen=True):
    """Why a task waits, gate by gate; ``code`` is null for one that does not."""

    task_id: UUID
    state: TaskState
    pool_id: UUID
    code: WaitingCode | None
    gates: list[Gate]
    advice: list[Advice]
    candidates: list[Candidate]
    sentence: str | UnsetType = UNSET
    since: Moment | UnsetType = UNSET
    candidates_total: int | UnsetType = UNSET


class Spot(Shape, frozen=True):
    """A slot of an agent."""

    agent_id: UUID
    agent: str
    slot_id: UUID
    slot: int
    lane: str


class Trial(Shape, frozen=True):
    """Who would get a task, and why not the others; ``code`` is null when somebody would."""

    pool_id: UUID
    pool: str
    would_get_it: Spot | None
    code: WaitingCode | None
    sentence: str
    gates: list[Gate]
    advice: list[Advice]
    candidates: list[Candidate]
    candidates_total: int


class Group(Shape, frozen=True):
    """Tasks that wait for the same reason, a few of them by id."""

    code: WaitingCode
    sentence: str
    count: int
    oldest_since: Moment
    sample_task_ids: list[UUID]


class PoolWaiting(Shape, frozen=True):
    """What waits in a pool, the largest group first, and what holds the whole pool."""

    pool_id: UUID
    pool: str
    waiting: int
    held_by: list[Barrier]
    groups: list[Group]


class Assignment(Shape, frozen=True):
    """A task that a pass gave to a slot of an agent."""

    task_id: UUID
    task: str
    agent_id: UUID
    agent: str
    slot: int


class Left(Shape, frozen=True):
    """Requirements of which tasks still wait, and why."""

    code: WaitingCode
    requirements: int
    sentence: str


class Dispatch(Shape, frozen=True):
    """What one pass decided; tasks that the caller may not see are only counted."""

    id: int
    at: Moment
    placed: int
    assignments: list[Assignment]
    left: list[Left]
