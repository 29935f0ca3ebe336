"""What is a driver? Something that turns an order into a process, or into an end at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from agents.wire.messages import Order

NOT_FOUND = 127
NOT_EXECUTABLE = 126


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt runs, where its output goes, and the environment that names it.

    ``new_output`` makes one of the output files and opens it for appending.
    ``marks`` win over everything that the order's own environment says: processes are found by
    them.
    """

    work: str
    stdout: str
    stderr: str
    marks: dict[str, str]
    new_output: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class End:
    """How work ended by itself; the fields are those of `Finished`."""

    exit_code: int | None = None
    signal: int | None = None
    signal_reason: str = ""
    message: str = ""


@dataclass(slots=True, eq=False)
class Child:
    """The first process of an attempt; it leads a group and a session of its own.

    ``start_ticks`` is a moment just before it started, as `clock.boot_ticks`.
    """

    pid: int
    pidfd: int
    start_ticks: int
    output_limit_bytes: int
    kill_grace_s: float


Launch: TypeAlias = Child | End
Start: TypeAlias = Callable[[], Launch]


class Driver(Protocol):
    """One kind of work. It decides nothing about slots, leases or reports.

    What a phase of a task runs is the driver's to say (``order.task.work``): the plan and the apply
    of one task are two orders, in one folder.
    """

    @property
    def name(self) -> str: ...

    def prepare(self, order: Order, place: Place) -> Start | End:
        """Return what begins the work, or how it ended where there is nothing to begin.

        What is returned is called once, in any thread, beside others; it does not wait for the
        work.

        Raises:
            agents.client.restrictions.Forbidden: the machine's owner does not allow it.
        """
        ...
