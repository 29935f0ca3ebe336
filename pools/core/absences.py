"""Which pods are missing, which have no row, and when is a list believed that says so?

Listed with our label and without a row: a stray. More than 30 % and more than three of a pool's
pods missing at once is believed only when a later list says the same.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from pools.core.pods import PodState
from pools.core.ports import POD_LABEL, PodSeen
from pools.core.sightings import KnownPod, Memory, Rules

OTHER_CLUSTER: Final = "other_cluster"
PODS_MISSING: Final = "pods_missing"

_S = PodState
# Whose pod must be there; those that are being deleted are expected to go.
_EXPECTED: Final = frozenset({_S.STARTING, _S.READY, _S.DRAINING, _S.UNKNOWN})


def listed(known: Iterable[KnownPod], pods: Iterable[PodSeen]) -> dict[UUID, PodSeen]:
    """Return what was listed of each row: the pod of its name with its label, whatever its uid."""
    names = {one.name: one.id for one in known}
    found = {seen.name: seen for seen in pods if names.get(seen.name) is not None}
    return {
        names[name]: seen
        for name, seen in found.items()
        if seen.labels.get(POD_LABEL) == str(names[name])
    }


def missing(known: Iterable[KnownPod], pods: Collection[PodSeen]) -> list[KnownPod]:
    """Return the rows whose pods ought to be listed and are not, by id: ask for these by name."""
    there = {seen.name for seen in pods}
    absent = (one for one in known if one.name not in there and one.state is not _S.CREATING)
    return sorted(absent, key=lambda one: one.id)


def held(
    known: Iterable[KnownPod],
    absent: Iterable[KnownPod],
    memory: Memory,
    *,
    now: datetime,
    rules: Rules,
) -> tuple[frozenset[UUID], str]:
    """Return the missing pods of which nothing is believed yet, and what people are told."""
    expected = Counter(one.pool_id for one in known if one.state in _EXPECTED)
    gone: dict[UUID, list[UUID]] = defaultdict(list)
    for one in absent:
        if one.state in _EXPECTED:
            gone[one.pool_id].append(one.id)
    agreed = memory.odd if _is_later(memory, now=now, rules=rules) else frozenset()
    doubted = {
        pool_id: ids
        for pool_id, ids in gone.items()
        if _is_too_much(len(ids), expected[pool_id], rules) and not agreed.issuperset(map(str, ids))
    }
    unbelieved = frozenset(one for ids in doubted.values() for one in ids if str(one) not in agreed)
    return unbelieved, _told(doubted, expected)


def _is_too_much(missing: int, expected: int, rules: Rules) -> bool:
    return missing > rules.missing_pods and missing > rules.missing_share * expected


def _is_later(memory: Memory, *, now: datetime, rules: Rules) -> bool:
    return memory.since is not None and now - memory.since >= rules.believe


def _told(doubted: Mapping[UUID, Sequence[UUID]], expected: Mapping[UUID, int]) -> str:
    if not doubted:
        return ""
    pools = ", ".join(
        f"{len(ids)} of {expected[pool_id]} pods of pool {pool_id}"
        for pool_id, ids in sorted(doubted.items())
    )
    return (
        f"{PODS_MISSING}: {pools} are missing at once; nothing is believed before it is said again"
    )


def without_row(known: Sequence[KnownPod], pods: Sequence[PodSeen]) -> list[PodSeen]:
    """Return listed pods that belong to no row: unknown, of a row that is gone, or another uid."""
    rows = {one.id: one for one in known}
    ours = {
        seen.uid
        for identity, seen in listed(known, pods).items()
        if rows[identity].uid in ("", seen.uid)
    }
    return [seen for seen in pods if seen.uid not in ours]


def strays(
    alone: Iterable[PodSeen], memory: Memory, *, now: datetime, rules: Rules
) -> list[PodSeen]:
    """Return the pods without a row that are old enough, and were so in an earlier list."""
    if not _is_later(memory, now=now, rules=rules):
        return []
    return [
        seen
        for seen in alone
        if seen.uid in memory.odd
        and not seen.deleting
        and seen.created_at is not None
        and now - seen.created_at >= rules.stray_age
    ]


def remembered(
    absent: Iterable[KnownPod],
    alone: Iterable[PodSeen],
    memory: Memory,
    *,
    now: datetime,
    rules: Rules,
) -> Memory:
    """Return what to compare the next list with.

    Lists that follow each other closely count as one: what was odd first is what has to be odd
    still.
    """
    odd = frozenset(str(one.id) for one in absent if one.state in _EXPECTED)
    odd |= frozenset(seen.uid for seen in alone)
    still = odd & memory.odd
    if still and not _is_later(memory, now=now, rules=rules):
        return replace(memory, odd=still)
    return replace(memory, odd=odd, since=now if odd else None)
