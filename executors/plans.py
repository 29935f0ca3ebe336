"""Which plan of a task waits for a decision, or was the last, and what did people decide?"""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.wire.orders import PLAN_ARTIFACT
from executors.core.lifecycle import AttemptState
from executors.core.specs import PHASES
from executors.models import Artifact, Attempt, PlanDecision


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan that an attempt made; without a file where it left none."""

    attempt: Attempt
    file: Artifact | None

    @property
    def waits(self) -> bool:
        """Is it for a person to decide about it now?"""
        return self.attempt.state == AttemptState.HELD


@dataclass(frozen=True, slots=True)
class Planning:
    """The newest plan of a task, and all that was decided about its plans, oldest first."""

    plan: Plan | None = None
    decisions: Sequence[PlanDecision] = ()


NOTHING = Planning()


def planning(kind: str, attempts: Sequence[Attempt]) -> Planning:
    """Return what there is to say of the plans that a task's attempts made; two queries at most."""
    if kind not in PHASES or not attempts:
        return NOTHING
    files = {
        file.attempt_id: file
        for file in Artifact.objects.filter(attempt__in=attempts, name=PLAN_ARTIFACT)
    }
    rows = PlanDecision.objects.filter(attempt__in=attempts).select_related("person", "attempt")
    decisions = sorted(rows, key=lambda row: row.attempt.number)
    decided = {row.attempt_id for row in decisions}
    made = [
        one
        for one in attempts
        if one.state == AttemptState.HELD or one.pk in files or one.pk in decided
    ]
    newest = max(made, key=lambda one: one.number, default=None)
    plan = None if newest is None else Plan(newest, files.get(newest.pk))
    return Planning(plan, decisions)
