"""Who gets the waiting tasks of a pool? Snapshot, decide, apply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from executors import decision, supply, wakeups
from executors.channels.news import Handover
from executors.core.selection import Placement, Plan
from executors.core.strategies import Strategy
from executors.decision import Terms
from executors.services import decisions, orders, shielding, transitions
from executors.services.transitions import Assigned, NewAttempt
from executors.supply import Demand
from k8s4r import clock, database
from k8s4r.audit import attribution
from pools.core.pods import PodMode
from pools.models import Pool

TASKS_PER_PASS: Final = 400


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass did. ``more`` asks for another pass at once.

    ``wants_pods``: something waits that pods of the pool could take; ``is_new``: since this pass.
    """

    placed: int = 0
    agent_ids: frozenset[UUID] = frozenset()
    more: bool = False
    wants_pods: bool = False
    is_new: bool = False


# Who is skipped is not waited for, so the order of the two locks does not matter.
# `state || ''` keeps the planner from the index of the queue: tasks are found by their ids.
_LOCK: Final = """
SELECT id FROM (
    SELECT id FROM agents_agent
    WHERE id = ANY(%(agents)s::uuid[]) AND desired = 'active' AND observed = 'online'
      AND not_now_since IS NULL AND archived_at IS NULL
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) agent
UNION ALL
SELECT id FROM (
    SELECT id FROM executors_task
    WHERE id = ANY(%(tasks)s::uuid[]) AND state || '' = 'pending' AND run_after IS NULL
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) task
"""
_SAY_WHY: Final = """
UPDATE executors_requirement r SET waiting_code = m.code, waiting_since = %(now)s
FROM unnest(%(ids)s::text[], %(codes)s::text[]) AS m(id, code)
WHERE r.id = m.id AND r.waiting_code <> m.code
"""


@transaction.atomic
def run_pass(pool_id: UUID, *, now: datetime, aging_weight_s: float) -> PassResult:
    """Give the pool's waiting tasks to its idle slots, and say why the rest waits.

    Two passes of one pool follow each other (the pool's limits need it); passes of pools that
    share agents are kept apart by the agents' locks, and by the unique indexes at last.

    Locks: the pool; then the chosen agents and tasks, by pk, skipping what others hold.
    """
    pool = Pool.objects.select_for_update(of=("self",), no_key=True).get(pk=pool_id)
    offer = supply.candidates(pool)
    # One more than there is room for: what is left over says why it waits.
    demand = supply.demand(pool_id, limit=min(offer.free_slots, TASKS_PER_PASS) + 1)
    if pool.pod_mode == PodMode.TASK:
        demand = supply.with_bound(demand, offer)
    if not demand.queue:
        return PassResult()
    facts = decision.facts_of(pool, demand, now=now)
    # In turn: those of the next pass are as late as they would be at the end of a longer one.
    plan = decision.decide(pool, demand, offer, facts, terms=Terms(aging_weight_s, TASKS_PER_PASS))
    placed = _apply(plan.placements, offer.sessions, now=now)
    is_new = _remember(pool, plan, demand, placed, now=now)
    handed = _by_agent(placed)
    if pool.k8s_config_id is not None:
        shielding.took_work(pool, handed, now=now)
    wakeups.orders_for(handed)
    return PassResult(
        len(placed),
        frozenset(handed),
        more=plan.is_cut or len(placed) < len(plan.placements),
        # What the next pass may place at once says nothing yet about pods.
        wants_pods=pool.k8s_config_id is not None and bool(plan.waiting) and not plan.is_cut,
        is_new=is_new,
    )


def _apply(
    placements: Sequence[Placement], sessions: Mapping[UUID, UUID], *, now: datetime
) -> list[Assigned]:
    """Turn placements into attempts, as far as their agents and tasks are still free."""
    if not placements:
        return []
    attribution.attribute(attribution.SYSTEM, cause="dispatch")
    locked = _locked(placements)
    return transitions.assign(
        [
            NewAttempt(
                attempt_id=clock.new_id(),
                task_id=placement.task_id,
                agent_id=placement.agent_id,
                session_id=sessions[placement.agent_id],
                slot_id=placement.slot_id,
            )
            for placement in placements
            if {placement.agent_id, placement.task_id} <= locked and placement.agent_id in sessions
        ],
        now=now,
    )


def _locked(placements: Sequence[Placement]) -> frozenset[UUID]:
    """Lock the agents and the tasks of the placements; return those that are still free."""
    parameters = {
        "agents": database.ids({placement.agent_id for placement in placements}),
        "tasks": database.ids(placement.task_id for placement in placements),
    }
    return frozenset(row[0] for row in database.rows(_LOCK, parameters))


def _by_agent(placed: Sequence[Assigned]) -> dict[UUID, Handover]:
    """Return the orders of each agent, as its claim is answered."""
    rows: dict[tuple[UUID, UUID], list[Sequence[Any]]] = {}
    for one in placed:
        rows.setdefault((one.agent_id, one.session_id), []).append(one.order)
    return {
        agent_id: Handover(session_id, orders.from_rows(of_agent))
        for (agent_id, session_id), of_agent in rows.items()
    }


def _remember(
    pool: Pool, plan: Plan, demand: Demand, placed: Sequence[Assigned], *, now: datetime
) -> bool:
    """Keep what was decided, why each requirement waits, and where round robin and draw go on.

    Returns:
        Whether anything waits for another reason than before.
    """
    codes = {one: str(plan.waiting.get(one, "")) for one in sorted(demand.requirements)}
    if codes != demand.codes:
        parameters = {"now": now, "ids": list(codes), "codes": list(codes.values())}
        database.run(_SAY_WHY, parameters)
    if placed or codes != demand.codes:
        decisions.record(pool.pk, plan, placed, now=now)
    if plan.placements and pool.strategy in {Strategy.ROUND_ROBIN, Strategy.RANDOM}:
        Pool.objects.filter(pk=pool.pk).update(cursor=plan.cursor, passes=pool.passes + 1)
    return any(code and code != demand.codes.get(one) for one, code in codes.items())
