"""What waits in a pool, grouped by reason, and what did its last passes decide? Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from agents.models import Agent
from executors import decision, supply
from executors.core.codes import SENTENCES, WaitingCode
from executors.core.waiting import explain
from executors.models import Requirement
from executors.selectors import visible
from k8s4r import database
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission
from pools import selectors as pools
from pools.models import Decision, Pool

SAMPLES: Final = 5

# One line per requirement, and per whether its tasks are held back for their next try.
_WAITING: Final = """
SELECT t.requirement_id, t.run_after IS NOT NULL, count(*), min(t.changed_at),
       (array_agg(t.id ORDER BY t.sort_key, t.id))[1:%(samples)s]
FROM executors_task t
WHERE t.pool_id = %(pool)s AND t.state = 'pending'
  AND (%(projects)s::uuid[] IS NULL OR t.project_id = ANY(%(projects)s::uuid[]))
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that wait for the same reason; ``requirement_ids`` are of what they need."""

    code: WaitingCode
    count: int
    oldest_since: datetime
    sample_ids: tuple[UUID, ...]
    requirement_ids: frozenset[str]

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return SENTENCES[self.code]


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in decisions are called; what the caller may not see is absent."""

    agents: Mapping[UUID, str]
    tasks: Mapping[UUID, str]


def waiting(pool: Pool, principal: Principal, *, now: datetime) -> list[Group]:
    """Return what waits in the pool for the caller, the largest group first.

    A requirement that no pass has looked at yet is judged here, by the rules of a pass.
    """
    seen = principal.projects(Permission.TASKS_READ)
    projects = None if seen is None else sorted(seen)
    parameters = {"pool": pool.pk, "projects": projects, "samples": SAMPLES}
    lines = database.rows(_WAITING, parameters)
    # What holds the whole pool comes before what holds a task.
    held = [WaitingCode(one.rule) for one in pools.barriers(pool, now=now)]
    codes = {} if held else _codes(pool, {line[0] for line in lines}, now=now)
    groups: dict[WaitingCode, Group] = {}
    for requirement_id, is_delayed, count, oldest, ids in lines:
        own = WaitingCode.RETRY_BACKOFF if is_delayed else codes.get(requirement_id)
        code = held[0] if held else own
        assert code is not None, "every requirement is noted or judged"
        fresh = Group(code, count, oldest, tuple(ids), frozenset({requirement_id}))
        groups[code] = _joined(groups[code], fresh) if code in groups else fresh
    return sorted(groups.values(), key=lambda group: (-group.count, group.code))


def decisions(pool: Pool) -> QuerySet[Decision]:
    """Return what the last passes of the pool decided, in no order."""
    return Decision.objects.filter(pool=pool).order_by()


def named(rows: Sequence[Decision], principal: Principal) -> Names:
    """Return what the agents and tasks of decisions are called: two queries."""
    assigned = [one for row in rows for one in row.assignments]
    tasks = visible(principal).filter(pk__in={task for task, _, _ in assigned})
    agents = Agent.objects.filter(pk__in={agent for _, agent, _ in assigned})
    return Names(
        agents=dict(agents.values_list("pk", "name")),
        tasks=dict(tasks.values_list("pk", "name")),
    )


def _codes(pool: Pool, requirement_ids: Iterable[str], *, now: datetime) -> dict[str, WaitingCode]:
    rows = list(Requirement.objects.filter(pk__in=list(requirement_ids)))
    noted = {row.pk: WaitingCode(row.waiting_code) for row in rows if row.waiting_code}
    unseen = [row for row in rows if not row.waiting_code]
    if not unseen:
        return noted
    facts, offer = decision.all_facts_of(pool, now=now), supply.candidates(pool)
    judged = {
        row.pk: explain(supply.as_value(row), offer.candidates, facts.pool).code for row in unseen
    }
    return {**noted, **judged}


def _joined(one: Group, other: Group) -> Group:
    samples = tuple(sorted({*one.sample_ids, *other.sample_ids})[:SAMPLES])
    oldest = min(one.oldest_since, other.oldest_since)
    needed = one.requirement_ids | other.requirement_ids
    return Group(one.code, one.count + other.count, oldest, samples, needed)
