"""What do answers about tasks look like? See `executors.shapes`, which makes them."""

from typing import Any, Literal
from uuid import UUID

import msgspec

from agents.wire.tellings import Style
from executors.core.codes import WaitingCode
from executors.core.constraints import Operand
from executors.core.lifecycle import AttemptState, TaskState
from executors.core.retry import RetryOn
from k8s4r.api.answers import Moment, Shape
from k8s4r.core.backoff import Growth


class Waiting(Shape, frozen=True):
    """Why a task waits: a stable code, the same as a sentence, and since when."""

    code: WaitingCode | None
    since: Moment
    sentence: str


class Condition(Shape, frozen=True):
    """A condition on the facts of an agent."""

    ltarget: str
    operand: Operand
    rtarget: str


class Retry(Shape, frozen=True):
    """When a task is tried again, and after which delay."""

    attempts: int
    delay: Growth
    base_s: float
    cap_s: float
    jitter: float
    on: list[RetryOn]


class Progress(Shape, frozen=True):
    """How far the present attempt says that it is, from 0 to 1, and at what."""

    fraction: float
    text: str
    at: Moment


class Annotation(Shape, frozen=True):
    """Markdown that an attempt pinned to its task's page; ``context`` is its name there."""

    id: UUID
    attempt_id: UUID
    attempt: int
    context: str
    style: Style
    text: str
    told_at: Moment


class Task(Shape, frozen=True):
    """What was asked for, and what became of it. Durations are seconds."""

    id: UUID
    name: str
    kind: str
    driver: str
    phase: str
    state: TaskState
    waiting: Waiting | None
    project: str
    project_id: UUID
    pool: str
    pool_id: UUID
    owner: str
    parent_id: UUID | None
    spec: dict[str, Any]
    labels: dict[str, str]
    required_labels: dict[str, str]
    constraints: list[Condition]
    resources: dict[str, float]
    priority: int
    run_timeout_s: int | None
    silence_timeout_s: int | None
    reservation_timeout_s: int
    lost_after_s: int
    disconnect: Literal["replace", "stop", "wait"]
    retry: Retry | None
    submitted_at: Moment
    changed_at: Moment
    run_after: Moment | None
    queue_deadline_at: Moment | None
    stop_requested_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None
    attempts_made: int
    agent_id: UUID | None
    agent: str | None
    exit_code: int | None
    signal: int | None
    reason: str
    message: str
    log_bytes: int
    progress: Progress | None


class Attempt(Shape, frozen=True):
    """One try of a task on one slot of an agent."""

    id: UUID
    task_id: UUID
    number: int
    state: AttemptState
    stop_reason: str
    agent_id: UUID
    agent: str
    session_id: UUID
    slot_id: UUID
    assigned_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    run_deadline_at: Moment | None
    reserved_until: Moment | None
    exit_code: int | None
    signal: int | None
    reason: str
    message: str
    pid: int | None


class Plan(Shape, frozen=True):
    """The plan that an attempt made: its file, if it left one, and until when it waits.

    ``waits``: a person has to decide about it, by ``reserved_until``; its slot is kept so long.
    """

    attempt_id: UUID
    attempt: int
    waits: bool
    sha256: str
    size_bytes: int | None
    reserved_until: Moment | None


class PlanDecision(Shape, frozen=True):
    """What a person decided about the plan of an attempt, and what they said."""

    attempt_id: UUID
    attempt: int
    outcome: Literal["approved", "rejected"]
    person: str
    comment: str
    sha256: str
    decided_at: Moment


class TaskInFull(Task, frozen=True):
    """A task with its attempts, its newest plan, and the decisions about all of its plans."""

    attempts: list[Attempt]
    plan: Plan | None
    decisions: list[PlanDecision]


class Event(Shape, frozen=True):
    """One thing that happened: to what, from which state to which, by whom, and why."""

    id: int
    at: Moment
    object_type: str
    object_id: UUID
    from_state: str
    to_state: str
    cause: str
    actor_kind: str
    actor_id: str
    request_id: str
    detail: dict[str, Any]


class Difference(Shape, frozen=True):
    """A field that is another than in the task that is repeated."""

    pointer: str
    before: Any = msgspec.field(name="from")
    after: Any = msgspec.field(name="to")


class Rerun(Task, frozen=True):
    """The new task, and what of it is different."""

    changes: list[Difference]
