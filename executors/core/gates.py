"""Which gates does a waiting task pass, and at which is it held? All of them, in their order.

    pool: paused, window, limit, limit per owner    task: back-off    pods, where it has any
    agents, one rule after another

The gates of agents are a funnel: each counts those that passed all before it. A gate that nobody
came to has no verdict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from executors.core.codes import WaitingCode
from executors.core.waiting import PoolFacts, Reason
from pools.core.gates import Barrier, BarrierRule

_C = WaitingCode

# The gates of agents, in the order in which they are asked, with the codes that end at each.
AGENT_GATES: Final = (
    ("agents", frozenset({_C.NO_AGENTS})),
    ("driver", frozenset({_C.CAPABILITY_MISSING})),
    ("labels", frozenset({_C.LABELS_MISSING})),
    ("constraints", frozenset({_C.CONSTRAINT_UNMET})),
    ("agent_online", frozenset({_C.NO_AGENT_ONLINE})),
    ("agent_active", frozenset({_C.PAUSED})),
    ("agent_takes_work", frozenset({_C.NOT_NOW})),
    ("resources", frozenset({_C.RESOURCES_SHORT})),
    ("slots", frozenset({_C.SLOTS_FULL, _C.LANE_FULL, _C.LANE_RESERVED})),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition of starting. ``passed`` None: nobody came so far."""

    name: str
    passed: bool | None
    needed: str
    found: str
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one task stands in its pool.

    ``ahead`` counts the tasks that are older or have more priority, as far as anybody reads.
    """

    run_after: datetime | None = None
    owner_held: int = 0
    max_per_owner: int | None = None
    ahead: int = 0

    @property
    def owner_at_limit(self) -> bool:
        """Does the task's owner run as much in this pool as one owner may?"""
        return self.max_per_owner is not None and self.owner_held >= self.max_per_owner


def gates(pool: PoolFacts, standing: Standing, reasons: Sequence[Reason]) -> tuple[Gate, ...]:
    """Return every gate, with what it needs and what was found."""
    return (
        _barrier("pool_active", BarrierRule.PAUSED, pool.barriers),
        _barrier("pool_window", BarrierRule.WINDOW, pool.barriers),
        _limit("pool_limit", pool.held, pool.max_concurrent),
        _limit("owner_limit", standing.owner_held, standing.max_per_owner),
        _back_off(standing),
        *_pods(pool),
        *_funnel(reasons),
        _queue(standing),
    )


def _barrier(name: str, rule: BarrierRule, barriers: Sequence[Barrier]) -> Gate:
    needed = "a pool that is not paused" if rule is BarrierRule.PAUSED else "no window now"
    found = next((one for one in barriers if one.rule is rule), None)
    if found is None:
        return Gate(name=name, passed=True, needed=needed, found="open")
    return Gate(
        name=name,
        passed=False,
        needed=needed,
        found=str(found.rule),
        since=found.since,
        until=found.until,
        note=found.note,
        by=found.by,
    )


def _limit(name: str, held: int, most: int | None) -> Gate:
    needed = "no limit" if most is None else f"fewer than {most} running"
    return Gate(
        name=name, passed=most is None or held < most, needed=needed, found=f"{held} running"
    )


def _back_off(standing: Standing) -> Gate:
    after = standing.run_after
    found = "no delay" if after is None else f"starts after {after:%Y-%m-%dT%H:%M:%SZ}"
    return Gate(name="backoff", passed=after is None, needed="no delay", found=found, until=after)


def _pods(pool: PoolFacts) -> Iterator[Gate]:
    """Do the pods of the pool come to work? That some are on their way holds nobody up."""
    pods = pool.pods
    if pods is None:
        return
    failure = pods.failure
    found = f"{pods.ready} ready of {pods.counted}, at most {pods.most}"
    if pods.states:
        found += f"; on their way: {pods.states}"
    if failure is not None:
        found += f"; failing: {failure.code}"
    yield Gate(
        name="pods",
        passed=failure is None and (pods.ready > 0 or not pods.is_at_most),
        needed="pods that start",
        found=found,
        since=pods.since if failure is None else failure.failed_at,
        until=None if pods.troubled else pods.retry_at,
        note="" if failure is None else failure.message,
    )


def _funnel(reasons: Sequence[Reason]) -> Iterator[Gate]:
    left = list(reasons)
    for name, codes in AGENT_GATES:
        came = len(left)
        held = [reason for reason in left if reason.code in codes]
        left = [reason for reason in left if reason.code not in codes]
        yield _narrowing(name, came, len(left), held)


def _narrowing(name: str, came: int, passed: int, held: Sequence[Reason]) -> Gate:
    first = held[0].exclusion if held else None
    needed = f"{first.rule} {first.needed}" if first else "1 agent"
    if not came and name != "agents":
        return Gate(name=name, passed=None, needed=needed, found="no agent came so far")
    found = f"{passed} of {came} agents"
    if not passed and first is not None and first.found:
        found += f", as {held[0].name} has {first.found}"
    since = min((each.since for each in held if each.since), default=None)
    return Gate(
        name=name,
        passed=passed > 0,
        needed=needed,
        found=found,
        since=None if passed else since,
    )


def _queue(standing: Standing) -> Gate:
    """Being first in line is not needed to start: those before it may wait for other agents."""
    found = f"{standing.ahead} tasks are older or have more priority"
    return Gate(name="queue", passed=standing.ahead == 0, needed="first in line", found=found)
