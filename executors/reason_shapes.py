"""What do reasons, dry runs and decisions about a pool look like in JSON?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from executors.core.codes import SENTENCES, WaitingCode
from executors.core.waiting import Reason
from executors.queues import Group, Names
from executors.reasons import Trial, Waiting
from executors.selectors import TaskRecord
from executors.shapes import waits_since
from pools.core.gates import Barrier
from pools.models import Decision, Pool

MOST_CANDIDATES: Final = 200


def waiting(record: TaskRecord, found: Waiting | None) -> dict[str, Any]:
    """Return why a task waits, with one reason per candidate as far as a person reads."""
    head = {"task_id": record.id, "state": record.state, "pool_id": record.pool_id}
    if found is None:
        return {**head, "code": None, "gates": [], "advice": [], "candidates": []}
    return {**head, "since": waits_since(record), **_waiting(found)}


def trial(pool: Pool, found: Trial) -> dict[str, Any]:
    """Return who would get a task and why not the others."""
    answer = {"pool_id": pool.pk, "pool": pool.name, "would_get_it": _place(found)}
    if found.placement is None:
        return {**answer, **_waiting(found.waiting)}
    return {
        **answer,
        **_waiting(found.waiting),
        "code": None,
        "sentence": "A pass would give it away now.",
        "advice": [],
        "candidates": _beside(pool, found),
    }


def groups(pool: Pool, found: Sequence[Group], held_by: Sequence[Barrier]) -> dict[str, Any]:
    """Return what waits in a pool, by reason, and what holds the whole pool."""
    return {
        "pool_id": pool.pk,
        "pool": pool.name,
        "waiting": sum(group.count for group in found),
        "held_by": [asdict(one) for one in held_by],
        "groups": [
            {
                "code": group.code,
                "sentence": group.sentence,
                "count": group.count,
                "oldest_since": group.oldest_since,
                "sample_task_ids": group.sample_ids,
            }
            for group in found
        ],
    }


def decisions(names: Names) -> Callable[[Decision], dict[str, Any]]:
    """Return what shapes a decision; tasks that the caller may not see are only counted."""

    def shape(row: Decision) -> dict[str, Any]:
        return {
            "id": row.pk,
            "at": row.at,
            "placed": row.placed,
            "assignments": [
                {
                    "task_id": task,
                    "task": names.tasks[UUID(task)],
                    "agent_id": agent,
                    "agent": names.agents.get(UUID(agent), ""),
                    "slot": slot,
                }
                for task, agent, slot in row.assignments
                if UUID(task) in names.tasks
            ],
            "left": [
                {"code": code, "requirements": count, "sentence": SENTENCES[WaitingCode(code)]}
                for code, count in row.left.items()
            ],
        }

    return shape


def reason(found: Reason) -> dict[str, Any]:
    """Return one candidate, and what keeps it from the task."""
    ruled_out = found.exclusion
    return {
        "agent_id": found.agent_id,
        "agent": found.name,
        "code": found.code,
        "rule": ruled_out.rule if ruled_out else None,
        "needed": ruled_out.needed if ruled_out else None,
        "found": ruled_out.found if ruled_out else None,
        "since": found.since,
    }


def _waiting(found: Waiting) -> dict[str, Any]:
    reasons = found.explanation.reasons
    return {
        "code": found.explanation.code,
        "sentence": found.explanation.sentence,
        "gates": [asdict(gate) for gate in found.gates],
        "advice": [asdict(one) for one in found.advice],
        "candidates": [reason(one) for one in reasons[:MOST_CANDIDATES]],
        "candidates_total": len(reasons),
    }


def _place(found: Trial) -> dict[str, Any] | None:
    placed = found.placement
    if placed is None:
        return None
    candidate = next(one for one in found.offer.candidates if one.agent_id == placed.agent_id)
    slot = next(one for one in candidate.free_slots if one.slot_id == placed.slot_id)
    return {
        "agent_id": candidate.agent_id,
        "agent": candidate.name,
        "slot_id": slot.slot_id,
        "slot": slot.index,
        "lane": slot.lane,
    }


def _beside(pool: Pool, found: Trial) -> list[dict[str, Any]]:
    """Return the candidates of a task that got a place: it, and why not each of the others."""
    assert found.placement is not None
    chosen = found.placement.agent_id
    shown = []
    for one in found.waiting.explanation.reasons[:MOST_CANDIDATES]:
        shaped = reason(one)
        if one.agent_id == chosen:
            shaped |= {"code": "chosen"}
        elif one.exclusion is None:
            shaped |= {
                "code": "not_chosen",
                "rule": "selection_strategy",
                "needed": pool.strategy,
                "found": "fits as well; the strategy chose another",
            }
        shown.append(shaped)
    return shown
