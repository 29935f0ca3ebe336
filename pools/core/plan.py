"""What do rows and a cluster's list of pods, compared, lead to? Decisions as values, no IO.

    listed, as its row says                   nothing
    listed, its row waits for its creation    adopted: uid and node are known now
    listed, with another uid                  the one we knew is gone
    listed, its node does not answer          unknown; never gone
    ended                                     failed with its reason, or gone
    not listed, nobody answered for it        unknown
    not listed, asked for by name: no such    gone
    not listed, nor many others of its pool   held until a later list agrees (`absences`)

Nothing at all is believed of a cluster that is not the one we knew. Foreign pods never appear.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from pools.core import absences, failures
from pools.core.failures import Trouble
from pools.core.pods import LIVE, TABLE, PodEvent, PodFailure, PodState
from pools.core.ports import BUSY_LABEL, PodSeen
from pools.core.sightings import KnownPod, Memory, Note, Observed, Plan, Rules

_S = PodState
_WAS_READY: Final = frozenset({_S.READY, _S.DRAINING, _S.UNKNOWN})


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of one row; without ``seen``, or with ``keeps_trouble``, what it says stays."""

    event: PodEvent | None = None
    trouble: Trouble | None = None
    seen: PodSeen | None = None
    keeps_trouble: bool = False


_NO_TROUBLE: Final = Trouble(PodFailure.NONE, "")
_AS_IT_IS: Final = _Fate(keeps_trouble=True)


def doubtful_nodes(known: Sequence[KnownPod], pods: Sequence[PodSeen]) -> list[str]:
    """Return the nodes on which pods of ours do not look well, in order: ask about these."""
    there = absences.listed(known, pods)
    return sorted(
        {
            there[one.id].node
            for one in known
            if one.id in there and there[one.id].node and _is_out_of_sight(one, there[one.id])
        }
    )


def make(
    known: Sequence[KnownPod], observed: Observed, memory: Memory, *, now: datetime, rules: Rules
) -> Plan:
    """Compare what is known with what was seen.

    Args:
        known: every row of the config that is not gone, read before the list was made: so a pod
            that is made meanwhile is a young stray, and never a missing one.
    """
    if memory.cluster_uid and memory.cluster_uid != observed.cluster_uid:
        return _of_other_cluster(observed, memory, now=now)
    absent = absences.missing(known, observed.pods)
    alone = absences.without_row(known, observed.pods)
    held, alarm = absences.held(known, absent, memory, now=now, rules=rules)
    there = absences.listed(known, observed.pods)
    fates = [
        (one, _AS_IT_IS if one.id in held else _fate(one, there, observed, now=now, rules=rules))
        for one in known
    ]
    after = absences.remembered(absent, alone, memory, now=now, rules=rules)
    return Plan(
        memory=replace(after, cluster_uid=observed.cluster_uid),
        notes=[note for one, fate in fates if (note := _note(one, fate)) is not None],
        events=_events(fates),
        create=[one.id for one in known if one.state is _S.CREATING and one.id not in there],
        delete=[one.id for one in known if _is_to_go(one, there.get(one.id))],
        strays=absences.strays(alone, memory, now=now, rules=rules),
        held=sorted(held),
        alarm=alarm,
    )


def _of_other_cluster(observed: Observed, memory: Memory, *, now: datetime) -> Plan:
    sentence = f"this is cluster {observed.cluster_uid} and no longer {memory.cluster_uid}"
    return Plan(
        memory=replace(memory, since=memory.since or now),
        alarm=f"{absences.OTHER_CLUSTER}: {sentence}; nothing is believed or done",
    )


def _fate(
    one: KnownPod,
    there: Mapping[UUID, PodSeen],
    observed: Observed,
    *,
    now: datetime,
    rules: Rules,
) -> _Fate:
    seen = there.get(one.id)
    if seen is None and one.state is _S.CREATING:
        return _AS_IT_IS
    if seen is None:
        if one.name not in observed.asked:
            return _Fate(PodEvent.OUT_OF_SIGHT, keeps_trouble=True)
        seen = observed.asked[one.name]
    if seen is None or (one.uid and seen.uid != one.uid):
        return _Fate(PodEvent.GONE, keeps_trouble=True)
    trouble = failures.trouble_of(
        seen,
        age=now - one.created_at,
        has_connected=one.has_connected,
        patience=rules.patience,
    )
    return _of_seen(one, seen, trouble, observed.nodes)


def _of_seen(
    one: KnownPod, seen: PodSeen, trouble: Trouble | None, nodes: Mapping[str, bool | None]
) -> _Fate:
    if one.state in (_S.DELETING, _S.FAILED):
        return _Fate(seen=seen, keeps_trouble=True)
    if _is_out_of_sight(one, seen):
        return _Fate(PodEvent.OUT_OF_SIGHT, _lost_node(seen, nodes) or trouble, seen)
    if trouble is not None and trouble.is_final:
        return _Fate(PodEvent.FAILED, trouble, seen)
    if failures.has_ended(seen):
        return _Fate(PodEvent.GONE, None, seen)
    return _Fate(_back_to(one), trouble, seen)


def _back_to(one: KnownPod) -> PodEvent | None:
    """Return what happened to a pod that is there and well, by where its row is."""
    if one.state is _S.UNKNOWN and one.is_draining:
        return PodEvent.DRAIN
    if one.state is _S.UNKNOWN:
        return PodEvent.CONNECTED if one.has_connected else PodEvent.CREATED
    if one.state in (_S.CREATING, _S.STARTING) and one.is_here:
        return PodEvent.CONNECTED
    return PodEvent.CREATED if one.state is _S.CREATING else None


def _is_out_of_sight(one: KnownPod, seen: PodSeen) -> bool:
    """Does its node not answer? Its container runs as far as anybody knows, and is not ready."""
    if one.uid and seen.uid != one.uid:
        return False
    if seen.phase == "Unknown":
        return one.state in LIVE
    is_silent = seen.phase == "Running" and seen.container.running and not seen.ready
    return is_silent and one.state in _WAS_READY


def _is_to_go(one: KnownPod, seen: PodSeen | None) -> bool:
    return one.state is _S.DELETING and seen is not None and not seen.deleting


def _lost_node(seen: PodSeen, nodes: Mapping[str, bool | None]) -> Trouble | None:
    if seen.node not in nodes or nodes[seen.node]:
        return None
    how = "is not ready" if nodes[seen.node] is False else "is no more"
    return Trouble(PodFailure.NODE_LOST, f"node {seen.node} {how}")


def _note(one: KnownPod, fate: _Fate) -> Note | None:
    """Return what the row of a pod is to say, unless it says so already."""
    before = Note(
        pod_id=one.id,
        uid=one.uid,
        node=one.node,
        failure=one.failure,
        message=one.message,
        shielded=one.shielded,
    )
    said = before
    if fate.seen is not None:
        said = replace(
            said,
            uid=one.uid or fate.seen.uid,
            node=fate.seen.node or one.node,
            shielded=BUSY_LABEL in fate.seen.labels,
        )
    if not fate.keeps_trouble:
        trouble = fate.trouble or _NO_TROUBLE
        message = trouble.message[: failures.MESSAGE_CHARACTERS]
        said = replace(said, failure=trouble.code, message=message)
    return None if said == before else said


def _events(fates: Iterable[tuple[KnownPod, _Fate]]) -> dict[PodEvent, list[UUID]]:
    """Return who has what to be told; an event that means nothing to its state is left out."""
    events: dict[PodEvent, list[UUID]] = {}
    for one, fate in fates:
        if fate.event is not None and (one.state, fate.event) in TABLE:
            events.setdefault(fate.event, []).append(one.id)
    return events
