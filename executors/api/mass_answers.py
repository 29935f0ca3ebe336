"""What do answers about many tasks at once look like? `executors.api.mass` makes them."""

from uuid import UUID

from executors.core.lifecycle import TaskState
from k8s4r.api.answers import Shape


class Refusal(Shape, frozen=True):
    """Why one of many could not be done."""

    code: str
    detail: str


class Cancelled(Shape, frozen=True):
    """What became of one task."""

    id: UUID
    state: TaskState | None
    stopping: bool
    problem: Refusal | None


class CancelledMany(Shape, frozen=True):
    """One result per task, and how many ended how; ``next`` is the ``after`` of the next call."""

    items: list[Cancelled]
    counts: dict[str, int]
    dry_run: bool
    more: bool
    next: UUID | None


class Submitted(Shape, frozen=True):
    """The new task of one that was run again, or why there is none."""

    id: UUID
    new_id: UUID | None
    problem: Refusal | None


class RerunMany(Shape, frozen=True):
    """One result per task; ``next`` is the ``after`` of the next call."""

    items: list[Submitted]
    counts: dict[str, int]
    dry_run: bool
    more: bool
    next: UUID | None


class Chosen(Shape, frozen=True):
    """A task that a call would be about."""

    id: UUID
    state: None
    problem: None


class Counts(Shape, frozen=True):
    """How many tasks a call would be about; pools as ``project/pool``."""

    total: int
    by_state: dict[str, int]
    by_pool: dict[str, int]


class Selected(Shape, frozen=True):
    """The answer of a dry run: all tasks counted, the first of them by id."""

    items: list[Chosen]
    counts: Counts
    dry_run: bool
    more: bool
    next: None
