"""Why does a task wait, who would get one, and what waits in a pool? Reads only, locks nothing."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from executors import decision, supply
from executors.core import advice as advising
from executors.core import gates as gate_rules
from executors.core.advice import Advice, Case, Kept
from executors.core.codes import WaitingCode
from executors.core.fairness import Queued
from executors.core.gates import Gate, Standing
from executors.core.lifecycle import AttemptState, TaskState
from executors.core.qualification import Requirement
from executors.core.selection import Placement
from executors.core.waiting import Explanation, Reason, TaskFacts, explain, sentence
from executors.decision import Facts, Terms
from executors.models import Attempt, Task
from executors.supply import Demand, Supply
from k8s4r import database
from pools.models import Pool

# Further than this nobody counts, and a pass looks no further either.
MOST_AHEAD: Final = 10_000
TASKS_LOOKED_AT: Final = 500

_AHEAD: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM executors_task
    WHERE pool_id = %(pool)s AND state = 'pending' AND run_after IS NULL
      AND (sort_key, id) < (%(key)s, %(task)s) LIMIT %(most)s) t
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a task waits: code, sentence and candidates, every gate, and what would help."""

    explanation: Explanation
    gates: tuple[Gate, ...]
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A task that nobody submitted: as it would queue, and the weight of its project."""

    queued: Queued
    requirement: Requirement
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What a pass would do with a task that nobody submitted.

    ``waiting`` is how things stand for it; it counts when there is no ``placement``.
    """

    placement: Placement | None
    waiting: Waiting
    offer: Supply


def why(task_id: UUID, *, now: datetime) -> Waiting | None:
    """Say why a task waits, also when no pass has seen it yet; ``None`` when it does not wait."""
    row = Task.objects.select_related("requirement", "pool__project").get(pk=task_id)
    if row.state != TaskState.PENDING:
        return None
    facts = decision.all_facts_of(row.pool, now=now)
    standing = Standing(
        run_after=row.run_after,
        owner_held=facts.held_by(row.owner_id),
        max_per_owner=row.pool.max_per_owner,
        ahead=_ahead(row.pool_id, row.sort_key, row.pk),
    )
    asked = _Asked(row.pool, supply.as_value(row.requirement), row.pk, now)
    found = asked.waiting(_for_task(supply.candidates(row.pool), row.pk), facts, standing)
    return replace(found, explanation=_not_before(found.explanation, row.changed_at))


def trial(pool: Pool, asked: Hypothesis, *, now: datetime, aging_weight_s: float) -> Trial:
    """Decide about the pool as if this task waited in it too, in its turn among the others."""
    offer = supply.candidates(pool)
    demand = supply.demand(pool.pk, limit=min(offer.free_slots, TASKS_LOOKED_AT) + 1)
    facts = decision.all_facts_of(pool, now=now)
    plan = decision.decide(pool, _with(demand, asked), offer, facts, terms=Terms(aging_weight_s))
    queued = asked.queued
    placed = {one.task_id: one for one in plan.placements}.get(queued.task_id)
    standing = Standing(
        owner_held=facts.held_by(queued.owner_id),
        max_per_owner=pool.max_per_owner,
        ahead=_ahead(pool.pk, queued.sort_key, queued.task_id),
    )
    code = None if placed else plan.waiting.get(asked.requirement.id)
    seen = offer if placed else _for_task(offer, None)
    found = _Asked(pool, asked.requirement, None, now).waiting(seen, facts, standing, code=code)
    return Trial(placed, found, offer)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: about a requirement in a pool, for a task or for nobody's yet."""

    pool: Pool
    requirement: Requirement
    task_id: UUID | None
    now: datetime

    def waiting(
        self, offer: Supply, facts: Facts, standing: Standing, *, code: WaitingCode | None = None
    ) -> Waiting:
        """Explain; ``code`` is what a pass said, which knows of the tasks before this one."""
        hindrance = WaitingCode.RETRY_BACKOFF if standing.run_after else None
        found = explain(
            self.requirement,
            offer.candidates,
            facts.pool,
            task=TaskFacts(hindrance=hindrance, owner_at_limit=standing.owner_at_limit),
        )
        if code is not None:
            found = replace(found, code=code, sentence=sentence(code, facts.pool))
        case = Case(
            explanation=found,
            requirement=self.requirement,
            candidates=offer.candidates,
            pool=facts.pool,
            standing=standing,
            pool_id=self.pool.pk,
            task_id=self.task_id,
            now=self.now,
            kept=_kept(found, offer),
        )
        gates = gate_rules.gates(facts.pool, standing, found.reasons)
        return Waiting(found, gates, tuple(advising.advise(case)))


def _with(demand: Demand, asked: Hypothesis) -> Demand:
    """Return the demand with one task more."""
    queued, requirement = asked.queued, asked.requirement
    return replace(
        demand,
        queue=(*demand.queue, queued),
        owners=demand.owners | {(queued.project_id, queued.owner_id)},
        requirements={**demand.requirements, requirement.id: requirement},
        weights={queued.project_id: asked.weight, **demand.weights},
    )


def _for_task(offer: Supply, task_id: UUID | None) -> Supply:
    """Leave out agents that are for another task alone."""
    mine = tuple(one for one in offer.candidates if one.task_id in {None, task_id})
    return replace(offer, candidates=mine)


def _kept(found: Explanation, offer: Supply) -> list[Kept]:
    """Return whose plans keep slots, where that is why the task waits."""
    if found.code is not WaitingCode.LANE_RESERVED:
        return []
    tasks = {held.task_id for one in offer.candidates for held in one.held_slots}
    rows = Attempt.objects.filter(task__in=tasks, state=AttemptState.HELD).order_by("task")
    return [
        Kept(*row) for row in rows.values_list("task", "task__owner__username", "reserved_until")
    ]


def _ahead(pool_id: UUID, sort_key: float, task_id: UUID) -> int:
    parameters = {"pool": pool_id, "key": sort_key, "task": task_id, "most": MOST_AHEAD}
    ((count,),) = database.rows(_AHEAD, parameters)
    return int(count)


def _not_before(explanation: Explanation, moment: datetime) -> Explanation:
    """Return reasons that begin no earlier than the wait itself."""
    reasons = tuple(
        Reason(one.agent_id, one.name, one.exclusion, max(one.since or moment, moment))
        for one in explanation.reasons
    )
    return replace(explanation, reasons=reasons)
