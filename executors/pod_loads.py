"""Which pods does a pool have, what is on each of them, and which are over?

Rows read once, as values for `pools.core.autoscale`. A slot's lane says what it counts for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from agents.core.states import Desired
from executors.core.lifecycle import TASK_TERMINAL, AttemptState
from k8s4r import database
from pools.core.autoscale import PodView
from pools.core.pods import SERVING, PodMode, PodState
from pools.models import Pool

_PODS: Final = """
SELECT pod.id, pod.agent_id, pod.state, pod.created_at, pod.changed_at, pod.idle_since,
       pod.shielded, pod.template_hash, pod.task_id, a.desired,
       coalesce(array_agg(slot.lane::text) FILTER (WHERE c.state <> 'held'), '{}'),
       coalesce(array_agg(slot.lane::text) FILTER (WHERE c.state = 'held'), '{}')
FROM pools_pod pod
JOIN agents_agent a ON a.id = pod.agent_id
LEFT JOIN agents_slot slot ON slot.agent_id = a.id AND slot.retired_at IS NULL
LEFT JOIN executors_attempt c ON c.slot_id = slot.id
      AND c.state IN ('assigned', 'held', 'running', 'stopping', 'unknown')
WHERE pod.pool_id = %(pool)s AND pod.state <> 'gone'
GROUP BY pod.id, a.id ORDER BY pod.id
"""
# How the task of each pod stands, and how its last attempt there ended, if one has.
_TASKS: Final = """
SELECT pod.id, t.state, (
    SELECT x.state FROM executors_attempt x
    WHERE x.task_id = pod.task_id AND x.agent_id = pod.agent_id AND x.ended_at IS NOT NULL
    ORDER BY x.number DESC LIMIT 1)
FROM pools_pod pod LEFT JOIN executors_task t ON t.id = pod.task_id
WHERE pod.pool_id = %(pool)s AND pod.state <> 'gone' AND pod.task_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodLoad:
    """A pod that is not gone, and the lanes of its slots that work and that are held.

    ``ended``: how the last attempt of its own task on it ended; ``task_over``: it ended, or there
    is no such task any more.
    """

    pod_id: UUID
    agent_id: UUID
    state: PodState
    created_at: datetime
    changed_at: datetime
    idle_since: datetime | None
    is_shielded: bool
    template_hash: str
    task_id: UUID | None
    desired: Desired
    busy: Sequence[str]
    held: Sequence[str]
    ended: AttemptState | None = None
    task_over: bool = False

    @property
    def is_idle(self) -> bool:
        """Is nothing on it?"""
        return not self.busy and not self.held

    @property
    def is_over(self) -> bool:
        """Is it for one task that needs it no more, or do people want its agent to leave?"""
        done = self.task_id is not None and (self.task_over or self.ended is not None)
        return done or self.desired in {Desired.DRAINING, Desired.REVOKED}

    @property
    def failed_its_task(self) -> bool:
        """Did the work that it was for go wrong, so that somebody may want to look at it?"""
        return self.ended in {AttemptState.FAILED, AttemptState.LOST}

    def view(self, template_hash: str | None) -> PodView:
        """Return it as the autoscaler sees it; ``template_hash`` is that of a new pod.

        One whose agent is paused serves nobody, as one that is out of sight.
        """
        known = bool(self.template_hash) and template_hash is not None
        return PodView(
            agent_id=self.agent_id,
            state=PodState.UNKNOWN if self.desired is Desired.PAUSED else self.state,
            created_at=self.created_at,
            idle_since=self.idle_since,
            is_spare=self.is_idle and (self.task_id is None or self.is_over),
            is_over=self.is_over,
            is_outdated=known and self.template_hash != template_hash,
        )


def pod_loads(pool: Pool) -> list[PodLoad]:
    """Return the pods of the pool that are not gone, by id, in one statement or two."""
    parameters = {"pool": pool.pk}
    tasks: Mapping[UUID, tuple[str | None, str | None]] = {}
    if pool.pod_mode == PodMode.TASK:
        tasks = {pod: (state, ended) for pod, state, ended in database.rows(_TASKS, parameters)}
    return [_load(row, tasks.get(row[0])) for row in database.rows(_PODS, parameters)]


def by_lane(loads: Sequence[PodLoad]) -> tuple[Counter[str], Counter[str]]:
    """Count the slots that work and those that are held, by lane, on pods that serve."""
    serving = [one for one in loads if one.state in SERVING]
    busy = Counter(lane for one in serving for lane in one.busy)
    return busy, Counter(lane for one in serving for lane in one.held)


def _load(row: tuple[Any, ...], task: tuple[str | None, str | None] | None) -> PodLoad:
    pod, agent, state, created, changed, idle, shielded, template, task_id, desired, *lanes = row
    task_state, ended = task or (None, None)
    return PodLoad(
        pod_id=pod,
        agent_id=agent,
        state=PodState(state),
        created_at=created,
        changed_at=changed,
        idle_since=idle,
        is_shielded=shielded,
        template_hash=template,
        task_id=task_id,
        desired=Desired(desired),
        busy=lanes[0],
        held=lanes[1],
        ended=None if ended is None else AttemptState(ended),
        task_over=task_state is None or task_state in TASK_TERMINAL,
    )
