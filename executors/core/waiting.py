"""Under which code does a task wait, and what keeps each candidate from it?

One code per requirement, chosen in this order:

1. ``paused``, ``maintenance_window``: the whole pool starts nothing;
2. ``retry_backoff``, ``workspace_locked``, ``workspace_busy``: the task itself may not start yet;
3. the code of the nearest candidate (`codes.NEARNESS`), ``behind_others`` when one fits; but
4. ``pool_limit``, then ``owner_share``, when room is all that is short and a limit is reached;
5. where pods would bring the room or the agent: ``pod_failing``, then ``scaling_out`` while some
   are on their way, then ``slots_full`` when there is no agent, and no further pod may be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from executors.core.codes import NEARNESS, ROOM, SENTENCES, WaitingCode
from executors.core.qualification import Candidate, Exclusion, Requirement, rule_out
from pools.core.gates import Barrier
from pools.core.outlook import Failed, Outlook

__all__ = [
    "Explanation",
    "PoolFacts",
    "Reason",
    "TaskFacts",
    "WaitingCode",
    "explain",
    "nearest",
    "sentence",
    "settle",
]

_RANK = {code: rank for rank, code in enumerate(NEARNESS)}
_PODS_WOULD_HELP = ROOM | {WaitingCode.NO_AGENTS, WaitingCode.NO_AGENT_ONLINE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """What of the pool decides a code.

    ``barriers`` hold the whole pool, the first gives the code; ``held`` is the number of its
    current attempts; ``pods`` is how its pods stand, ``None`` where it has none.
    """

    barriers: tuple[Barrier, ...] = ()
    held: int = 0
    max_concurrent: int | None = None
    pods: Outlook | None = None

    @property
    def is_at_limit(self) -> bool:
        """Does the pool run as many tasks as it may?"""
        return self.max_concurrent is not None and self.held >= self.max_concurrent


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What of one task decides a code; the defaults are a task that may start at once.

    ``hindrance`` is a code of its own: ``retry_backoff`` or one of its workspace.
    """

    hindrance: WaitingCode | None = None
    owner_at_limit: bool = False


_READY = TaskFacts()


@dataclass(frozen=True, slots=True)
class Reason:
    """One candidate, and what keeps it from the task; ``None``: it fits, others come first."""

    agent_id: UUID
    name: str
    exclusion: Exclusion | None
    since: datetime | None = None

    @property
    def code(self) -> WaitingCode:
        """The code of this candidate alone."""
        return WaitingCode.BEHIND_OTHERS if self.exclusion is None else self.exclusion.code


@dataclass(frozen=True, slots=True)
class Explanation:
    """The code, a sentence for people, and one reason per candidate in the order given."""

    code: WaitingCode
    sentence: str
    reasons: tuple[Reason, ...]


def explain(
    requirement: Requirement,
    candidates: Sequence[Candidate],
    pool: PoolFacts,
    *,
    task: TaskFacts = _READY,
) -> Explanation:
    """Say why a task waits, by the same rules that a dispatch pass goes by."""
    reasons = tuple(_reason(requirement, each) for each in candidates)
    code = settle(nearest(reason.exclusion for reason in reasons), pool, task=task)
    return Explanation(code, sentence(code, pool), reasons)


def sentence(code: WaitingCode, pool: PoolFacts) -> str:
    """Return what a person is told; where pods come or fail to, with the numbers."""
    pods = pool.pods
    if pods is None:
        return SENTENCES[code]
    if code is WaitingCode.SCALING_OUT and pods.since is not None:
        since = f", the first since {_moment(pods.since)}"
        return f"{SENTENCES[code]} On their way: {pods.states}{since}."
    if code is WaitingCode.POD_FAILING and pods.failure is not None:
        return f"{SENTENCES[code]} {_failing(pods, pods.failure)}"
    if code in {WaitingCode.SLOTS_FULL, WaitingCode.LANE_FULL} and pods.is_at_most:
        return f"{SENTENCES[code]} The pool has {pods.counted} pods of at most {pods.most}."
    return SENTENCES[code]


def _failing(pods: Outlook, failure: Failed) -> str:
    message = f": {failure.message}" if failure.message else ""
    again = ""
    if pods.retry_at is not None and pods.troubled is None:
        again = f" {pods.in_a_row} failed in a row; the next is tried at {_moment(pods.retry_at)}."
    return f"The last says {failure.code}{message}.{again}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def nearest(
    exclusions: Iterable[Exclusion | None], *, ceiling: WaitingCode = WaitingCode.BEHIND_OTHERS
) -> WaitingCode:
    """Return the code of the candidate that comes nearest; ``no_agents`` without candidates.

    A candidate that is not excluded has room, so others come first: ``behind_others``. Looks no
    further once the code is ``ceiling``, which a caller lowers when it knows that none has room.
    """
    best = 0
    for exclusion in exclusions:
        code = WaitingCode.BEHIND_OTHERS if exclusion is None else exclusion.code
        best = max(best, _RANK[code])
        if best >= _RANK[ceiling]:
            break
    return NEARNESS[best]


def settle(code: WaitingCode, pool: PoolFacts, *, task: TaskFacts = _READY) -> WaitingCode:
    """Return the code that is shown, given the nearest candidate's; the order is the module's."""
    if pool.barriers:
        return WaitingCode(pool.barriers[0].rule)
    if task.hindrance is not None:
        return task.hindrance
    if code in ROOM and pool.is_at_limit:
        return WaitingCode.POOL_LIMIT
    if code in ROOM and task.owner_at_limit:
        return WaitingCode.OWNER_SHARE
    return _with_pods(code, pool)


def _with_pods(code: WaitingCode, pool: PoolFacts) -> WaitingCode:
    pods = pool.pods
    if pods is None or code not in _PODS_WOULD_HELP:
        return code
    if pods.is_failing:
        return WaitingCode.POD_FAILING
    if pods.starting:
        return WaitingCode.SCALING_OUT
    is_full = code is WaitingCode.NO_AGENTS and pods.is_at_most
    return WaitingCode.SLOTS_FULL if is_full else code


def _reason(requirement: Requirement, candidate: Candidate) -> Reason:
    exclusion = rule_out(requirement, candidate)
    return Reason(candidate.agent_id, candidate.name, exclusion, _since(exclusion, candidate))


def _since(exclusion: Exclusion | None, candidate: Candidate) -> datetime | None:
    """Return since when this keeps the candidate away, as far as its row tells."""
    if exclusion is None:
        return None
    if exclusion.code in ROOM:
        return candidate.filled_at
    if exclusion.code is WaitingCode.NOT_NOW and candidate.not_now is not None:
        return candidate.not_now.since
    return candidate.changed_at
