"""What do operators count, and whom do we tell of what? Reads only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from agents.core.totals import Totals
from agents.services import generations
from executors.core.codes import WaitingCode
from executors.core.lifecycle import TASK_TERMINAL, TaskState
from executors.operating import supply
from executors.operating.core import reasons
from executors.operating.models import Notification, NotificationTarget
from executors.operating.supply import Supply
from executors.services.pulses import BACKUP
from k8s4r import database
from k8s4r.access import selectors as access
from k8s4r.access.principals import Principal
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission

# Ended tasks are not looked at one by one: there may be millions.
OPEN: Final = tuple(state for state in TaskState if state not in TASK_TERMINAL)
ENDED: Final = tuple(state for state in TaskState if state in TASK_TERMINAL)
# A task that no pass has looked at yet has no reason to wait.
NEW: Final = "new"


@dataclass(frozen=True, slots=True)
class Place:
    """A pool by the names that people know."""

    project: str
    pool: str


@dataclass(frozen=True, slots=True)
class PoolNumbers:
    """What one pool holds; ``oldest_s`` is the age of its oldest task that could run now."""

    tasks: Mapping[str, int]
    waiting: Mapping[str, int]
    oldest_s: float
    slots_total: int
    slots_used: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """What one look at the database told.

    ``oldest_s`` is by reason, ``agents`` by what is desired and observed, ``outcomes`` by state and
    reason; ``jobs_s`` and ``pulses_s`` are ages by name.
    """

    pools: Mapping[Place, PoolNumbers]
    oldest_s: Mapping[str, float]
    agents: Mapping[tuple[str, str], int]
    slots_total: int
    slots_used: int
    outcomes: Mapping[tuple[str, str], int]
    jobs_s: Mapping[str, float]
    pulses_s: Mapping[str, float]
    notifications: Mapping[str, int]
    generation: int
    supply: Supply


_POOLS: Final = """
SELECT p.id, j.name, p.name FROM pools_pool p JOIN access_project j ON j.id = p.project_id
WHERE p.archived_at IS NULL
   OR EXISTS (SELECT 1 FROM executors_task t WHERE t.pool_id = p.id AND t.state = ANY(%(open)s))
"""
_TASKS: Final = """
SELECT t.pool_id, t.state,
       CASE WHEN t.state <> 'pending' THEN ''
            WHEN t.run_after IS NOT NULL THEN %(delayed)s
            WHEN r.waiting_code = '' THEN %(new)s ELSE r.waiting_code END,
       count(*), min(t.submitted_at) FILTER (WHERE t.state = 'pending')
FROM executors_task t JOIN executors_requirement r ON r.id = t.requirement_id
WHERE t.state = ANY(%(open)s) GROUP BY 1, 2, 3
"""
_AGENTS: Final = """
SELECT desired, observed, count(*) FROM agents_agent
WHERE archived_at IS NULL AND type <> 'k8s' GROUP BY 1, 2
"""
# Slots of agents that are online, once for each pool that the agent is in; NULL: the whole fleet.
_SLOTS: Final = """
WITH room AS (
    SELECT s.agent_id, count(*) AS total, count(c.id) AS used
    FROM agents_slot s JOIN agents_agent a ON a.id = s.agent_id
    LEFT JOIN executors_attempt c ON c.slot_id = s.id
         AND c.state IN ('assigned', 'held', 'running', 'stopping', 'unknown')
    WHERE s.retired_at IS NULL AND a.archived_at IS NULL AND a.observed = 'online'
    GROUP BY s.agent_id
), member AS (
    SELECT pool_id, agent_id FROM pools_membership
    UNION ALL
    SELECT p.id, a.id FROM pools_pool p
    JOIN agents_agent a ON a.project_id = p.project_id AND a.labels @> p.required_labels
    WHERE p.type = 'dynamic' AND p.archived_at IS NULL AND p.k8s_config_id IS NULL
      AND a.type <> 'k8s'
    UNION ALL
    SELECT pool_id, agent_id FROM pools_pod WHERE state <> 'gone'
    UNION ALL
    SELECT NULL, agent_id FROM room
)
SELECT m.pool_id, sum(r.total)::bigint, sum(r.used)::bigint
FROM member m JOIN room r ON r.agent_id = m.agent_id GROUP BY m.pool_id
"""
_OUTCOMES: Final = """
SELECT state, reason, sum(tasks)::bigint FROM (
    SELECT state, reason, tasks FROM operating_outcome
    UNION ALL
    SELECT t.state,
           CASE WHEN t.reason = ANY(%(known)s) OR t.reason = '' THEN t.reason ELSE %(other)s END,
           count(*)
    FROM executors_task t
    WHERE t.ended_at > coalesce((SELECT max(counted_until) FROM operating_outcome), '-infinity')
    GROUP BY 1, 2
) counted GROUP BY 1, 2
"""
# What a task of an agent, ``t``, counts for: see `agents.core.totals.Totals`.
TOTALS: Final = """
count(*), count(*) FILTER (WHERE t.state = 'completed'),
count(*) FILTER (WHERE t.state IN ('failed', 'timed_out'))
"""
_SETTLED_TOTALS: Final = """
SELECT c.until, t.agent_id, t.total, t.success, t.failed
FROM (SELECT max(counted_until) AS until FROM operating_agenttotal) c
LEFT JOIN operating_agenttotal t ON t.agent_id = ANY(%(agents)s)
"""
_NEW_TOTALS: Final = f"""
SELECT t.agent_id, {TOTALS} FROM executors_task t
WHERE t.ended_at > %(until)s AND t.agent_id = ANY(%(agents)s) GROUP BY t.agent_id
"""  # noqa: S608  # of fixed text
_BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JOBS: Final = "SELECT job, max(taken_at) FROM executors_tick GROUP BY job"
_PULSES: Final = "SELECT source, seen_at FROM executors_pulse"
_NOTIFICATIONS: Final = "SELECT state, count(*) FROM operating_notification GROUP BY state"


def fleet(*, now: datetime) -> Fleet:
    """Count everything, in a constant number of statements."""
    slots = {pool_id: (total, used) for pool_id, total, used in database.rows(_SLOTS)}
    groups = database.rows(_TASKS, _parameters())
    places = database.rows(_POOLS, {"open": [str(state) for state in OPEN]})
    total, used = slots.get(None, (0, 0))
    return Fleet(
        pools={
            Place(project, pool): _pool(
                [row[1:] for row in groups if row[0] == pool_id], slots.get(pool_id, (0, 0)), now
            )
            for pool_id, project, pool in places
        },
        oldest_s=_oldest_s(groups, now),
        agents={(row[0], row[1]): row[2] for row in database.rows(_AGENTS)},
        slots_total=total,
        slots_used=used,
        outcomes={(row[0], row[1]): row[2] for row in database.rows(_OUTCOMES, _parameters())},
        jobs_s=_ages_s(_JOBS, now),
        pulses_s=_ages_s(_PULSES, now),
        notifications={row[0]: row[1] for row in database.rows(_NOTIFICATIONS)},
        generation=generations.current(),
        supply=supply.supply(now=now),
    )


def task_totals(agent_ids: Collection[UUID]) -> dict[UUID, Totals]:
    """Return how many tasks ended on each agent, those that retention deleted among them.

    Two statements for any number. The second is told from when to count, for PostgreSQL to see how
    few tasks that are; a count that settles between the two changes neither.
    """
    settled = database.rows(_SETTLED_TOTALS, {"agents": list(agent_ids)})
    until = settled[0][0] or _BEFORE_ALL
    since = database.rows(_NEW_TOTALS, {"agents": list(agent_ids), "until": until})
    found: dict[UUID, Totals] = {}
    for agent_id, *numbers in [*(row[1:] for row in settled if row[1]), *since]:
        found[agent_id] = found.get(agent_id, Totals()).plus(Totals(*numbers))
    return found


def _parameters() -> dict[str, Any]:
    return {
        "open": [str(state) for state in OPEN],
        "delayed": str(WaitingCode.RETRY_BACKOFF),
        "new": NEW,
        "known": list(reasons.KNOWN),
        "other": reasons.OTHER,
    }


def _pool(groups: list[tuple[Any, ...]], slots: tuple[int, int], now: datetime) -> PoolNumbers:
    tasks: dict[str, int] = {}
    for state, _, count, _ in groups:
        tasks[state] = tasks.get(state, 0) + count
    ready = [row for row in groups if row[1] not in {"", WaitingCode.RETRY_BACKOFF}]
    return PoolNumbers(
        tasks=tasks,
        waiting={reason: count for _, reason, count, _ in groups if reason},
        oldest_s=max((_age_s(row[3], now) for row in ready), default=0.0),
        slots_total=slots[0],
        slots_used=slots[1],
    )


def _oldest_s(groups: list[tuple[Any, ...]], now: datetime) -> dict[str, float]:
    """Return by reason how long the oldest task has waited that waits for it now."""
    oldest: dict[str, float] = {}
    for _, _, reason, _, since in groups:
        if reason:
            oldest[reason] = max(oldest.get(reason, 0.0), _age_s(since, now))
    return oldest


def _ages_s(statement: str, now: datetime) -> dict[str, float]:
    return {name: _age_s(moment, now) for name, moment in database.rows(statement)}


def _age_s(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def keeping() -> dict[str, Any]:
    """Return when the last backup was made, as far as is known, and which generation this is."""
    made = database.rows("SELECT seen_at FROM executors_pulse WHERE source = %s", [BACKUP])
    return {"backup_at": made[0][0] if made else None, "generation": generations.current()}


def targets(principal: Principal) -> QuerySet[NotificationTarget]:
    """Return the targets that exist for the caller; one of everything for who sees everything."""
    rows = NotificationTarget.objects.select_related("project", "pool").order_by("name", "id")
    return access.within(rows, principal, Permission.FLEET_READ)


def target(
    target_id: UUID,
    principal: Principal,
    needs: Permission = Permission.FLEET_READ,
    *,
    locked: bool = False,
) -> NotificationTarget:
    """Return a target, for a call that needs this permission.

    Raises:
        NotFound: there is none, or not for this caller.
        Forbidden: the caller may see it, and no more.
    """
    rows = targets(principal)
    rows = rows.select_for_update(of=("self",)) if locked else rows
    found = rows.filter(pk=target_id).first()
    if found is None:
        raise NotFound(f"no notification target {target_id}")
    principal.require(needs, found.project_id)
    return found


def notifications(principal: Principal) -> QuerySet[Notification]:
    """Return what was told to these targets, in no order."""
    rows = Notification.objects.select_related("target").order_by()
    return access.within(rows, principal, Permission.TASKS_READ, by="target__project_id")


def notification(notification_id: UUID, principal: Principal) -> Notification:
    """Return one message.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = notifications(principal).filter(pk=notification_id).first()
    if found is None:
        raise NotFound(f"no notification {notification_id}")
    return found
