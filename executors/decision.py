"""What does a pass decide about a pool? One way for passes, dry runs and reasons; reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

from executors import supply
from executors.core.fairness import OwnerKey
from executors.core.selection import Limits, Plan, SelectionPolicy, Snapshot, allocate
from executors.core.strategies import Strategy
from executors.core.waiting import PoolFacts, WaitingCode, settle
from executors.supply import Demand, Supply
from pools import selectors as pools
from pools.models import Pool


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pass goes by: what a point of priority is worth, and how many tasks it may place."""

    aging_weight_s: float
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """How a pool stands: what holds it, and who holds its slots."""

    pool: PoolFacts
    held: Mapping[OwnerKey, int]

    def held_by(self, owner_id: UUID) -> int:
        """Return how many slots of the pool an owner holds, in whatever project."""
        return sum(count for (_, owner), count in self.held.items() if owner == owner_id)


def facts_of(pool: Pool, demand: Demand, *, now: datetime) -> Facts:
    """Return how the pool stands, as far as it matters for this demand."""
    return _facts(pool, supply.held(pool.pk) if _is_shared(pool, demand) else {}, now=now)


def all_facts_of(pool: Pool, *, now: datetime) -> Facts:
    """Return how the pool stands, with all that a person may ask about it."""
    return _facts(pool, supply.held(pool.pk), now=now)


def decide(pool: Pool, demand: Demand, offer: Supply, facts: Facts, *, terms: Terms) -> Plan:
    """Return who gets what, and why the rest waits; a pool that is held gives nothing."""
    if facts.pool.barriers:
        code = settle(WaitingCode.BEHIND_OTHERS, facts.pool)
        return Plan((), dict.fromkeys(demand.requirements, code), pool.cursor)
    return allocate(
        demand.queue,
        Snapshot(
            requirements=demand.requirements,
            candidates=offer.candidates,
            held=facts.held,
            pods=facts.pool.pods,
        ),
        policy=SelectionPolicy(
            strategy=_strategy(pool),
            cursor=pool.cursor,
            aging_weight_s=terms.aging_weight_s,
            limits=limits_of(pool, demand),
            most=terms.most,
        ),
        random=Random(f"{pool.pk}:{pool.passes}"),  # noqa: S311 - a fair draw, not a secret
    )


def limits_of(pool: Pool, demand: Demand) -> Limits:
    """Return what the pool allows, and the weights of the projects that queue in it."""
    return Limits(
        max_concurrent=pool.max_concurrent,
        per_owner=pool.max_per_owner,
        weights={**demand.weights, **_own_weights(pool)},
    )


def _facts(pool: Pool, held: Mapping[OwnerKey, int], *, now: datetime) -> Facts:
    facts = PoolFacts(
        barriers=pools.barriers(pool, now=now),
        held=sum(held.values()),
        max_concurrent=pool.max_concurrent,
        pods=pools.outlook(pool, now=now),
    )
    return Facts(facts, held)


def _strategy(pool: Pool) -> Strategy:
    """Pods are packed, whatever the pool's strategy: what stays empty can go."""
    return Strategy(pool.strategy) if pool.k8s_config_id is None else Strategy.PACKED


def _is_shared(pool: Pool, demand: Demand) -> bool:
    """Does it matter who holds how much: are there several to share, or limits?"""
    has_limit = pool.max_concurrent is not None or pool.max_per_owner is not None
    return has_limit or len(demand.owners) > 1


def _own_weights(pool: Pool) -> dict[UUID, float]:
    """Return the weights that the pool gives to projects; they go before the projects' own."""
    return {UUID(project): weight for project, weight in pool.weights.items()}
