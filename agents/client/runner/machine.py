"""What is this agent for the work it runs, and what may the work know of it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from agents.client import clock
from agents.client.drivers.base import Driver
from agents.client.processes import ATTEMPT_MARK, RUNNER_MARK
from agents.client.runner import plan_file
from agents.client.runner.lease import LeaseTerms
from agents.wire.messages import Order
from agents.wire.orders import APPLY, PLAN
from agents.wire.proofs import task_token


@dataclass(frozen=True, slots=True)
class Machine:
    """The agent's own side of every order.

    ``slots`` are those it offers by its own configuration, ``most_slots`` what its owner allows.
    ``grace_cap_s`` is the most that stopped work gets to end by itself on this machine. ``labels``
    are the agent's on the server. ``program`` is the path of `k8s4r-agent`, for work that has
    something to tell, ``ca_file`` the authority that vouches for the server.
    """

    name: str
    url: str
    session: UUID
    slots: int
    drivers: Mapping[str, Driver]
    terms: LeaseTerms
    grace_cap_s: float = float("inf")
    most_slots: int = 1024
    labels: Mapping[str, str] = field(default_factory=dict)
    program: str = ""
    ca_file: str | None = None

    def marks(self, order: Order, folder: str) -> dict[str, str]:
        """Return what a task may know of itself, and what its processes are found by."""
        task = order.task
        marks = {
            "K8S4R": "true",
            "CI": "true",
            "K8S4R_TASK_ID": str(task.id),
            "K8S4R_PROJECT": task.project,
            "K8S4R_POOL": task.pool,
            "K8S4R_AGENT_NAME": self.name,
            "K8S4R_API_URL": self.url,
            "K8S4R_WORKDIR": folder,
            ATTEMPT_MARK: str(order.attempt),
            RUNNER_MARK: str(self.session),
            "K8S4R_TASK_TOKEN": task_token(order.token),
        }
        if self.program:
            marks["K8S4R_AGENT"] = self.program
        if self.ca_file is not None:
            marks["K8S4R_CA_FILE"] = self.ca_file
        if self.labels:
            pairs = (f"{key}={value}" for key, value in sorted(self.labels.items()))
            marks["K8S4R_AGENT_LABELS"] = ",".join(pairs)
        if task.phase in {PLAN, APPLY}:
            marks["K8S4R_PHASE"] = task.phase
            marks["K8S4R_PLAN_FILE"] = f"{folder}/{plan_file.NAME}"
        if task.run_timeout_s is not None:
            marks["K8S4R_DEADLINE"] = _deadline(task.run_timeout_s)
        return marks


def _deadline(run_timeout_s: int) -> str:
    """Return when the run deadline is, by this machine's wall clock; a hint, the server decides."""
    end = datetime.fromtimestamp(clock.wall(), UTC) + timedelta(seconds=run_timeout_s)
    return end.isoformat(timespec="seconds").replace("+00:00", "Z")
