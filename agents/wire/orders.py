"""What does the server order an agent to run?"""

from typing import Any, Final, Literal
from uuid import UUID

from agents.wire.fields import Facts, Message, Token

# An apply is refused for it: the plan that was approved is not there any more as it was.
REPLAN_REQUIRED: Final = "replan_required"
# The name of the artifact that a plan leaves, and how large it may be.
PLAN_ARTIFACT: Final = "plan"
ARTIFACT_BYTES: Final = 64 * 1024 * 1024
PLAN: Final = "plan"
APPLY: Final = "apply"
PLAN_AND_APPLY: Final = "plan_and_apply"


class Order(Message, frozen=True):
    """An assignment: one attempt of one task for one slot.

    ``token`` proves that a later report is about this attempt. ``lost_after_s`` and ``disconnect``
    tell the runner when to stop the work by itself (docs/states.md).
    """

    attempt: UUID
    number: int
    token: Token
    slot: int
    task: "OrderedTask"
    lost_after_s: int
    disconnect: Literal["replace", "stop", "wait"]
    plan: "ApprovedPlan | None" = None


class ApprovedPlan(Message, frozen=True):
    """What an apply applies: the plan of that attempt, which the runner holds in the same slot.

    ``sha256`` is what its file was when it was approved; empty: it left none. If it is anything
    else now, the order is refused as `REPLAN_REQUIRED`.
    """

    attempt: UUID
    sha256: str = ""


class OrderedTask(Message, frozen=True):
    """What an order asks for; deadlines are durations in seconds from `started`."""

    id: UUID
    kind: str
    driver: str
    phase: str
    spec: Facts
    name: str = ""
    project: str = ""
    pool: str = ""
    run_timeout_s: int | None = None

    @property
    def work(self) -> Any:
        """What its driver is to run: the part of this phase, or all where there are no phases."""
        return self.spec.get(self.phase, self.spec) if self.phase in {PLAN, APPLY} else self.spec
