"""What do a config's rows become when its cluster is looked at?

Rows first, then the list, then the decision (`core.plan`), then one transaction; no network while
anything is locked. Safe to lose, to repeat and to run twice at once: every move is checked on the
locked row by the law of `core.pods`.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from agents.core.states import Desired
from agents.models import Session
from k8s4r.audit import attribution
from k8s4r.core.errors import Unavailable
from pools.core import absences, plan
from pools.core.pods import ActionKind, PodEvent, PodFailure, PodState
from pools.core.ports import ClusterPort, ClusterRefused, OtherPod, PodSeen
from pools.core.sightings import KnownPod, Observed, Plan, Rules
from pools.models import Pod
from pools.services import pods, reach, silence
from pools.services.reach import Lease

logger = logging.getLogger(__name__)

# Pods asked for by name in one round, and by how many threads; the rest is unknown until the next.
MOST_ASKED: Final = 400
MOST_NODES: Final = 100
MOST_STRAYS: Final = 50
THREADS: Final = 8

_RESTLESS: Final = (PodState.CREATING, PodState.STARTING, PodState.UNKNOWN)

# What happened first is told first.
_ORDER: Final = (
    PodEvent.CREATED,
    PodEvent.CONNECTED,
    PodEvent.DRAIN,
    PodEvent.OUT_OF_SIGHT,
    PodEvent.FAILED,
    PodEvent.GONE,
)


@dataclass(frozen=True, slots=True)
class Round:
    """What a look led to: the pods that moved, by event, and the plan."""

    plan: Plan
    moved: Mapping[PodEvent, Collection[UUID]]

    @property
    def has_departures(self) -> bool:
        """Is there work to settle of pods that failed or are gone?"""
        return bool(self.moved.get(PodEvent.FAILED) or self.moved.get(PodEvent.GONE))


def due(looked_at: Mapping[UUID, datetime | None], *, now: datetime) -> frozenset[UUID]:
    """Return those of the configs, last looked at then, that it is time to look at; one statement.

    Sooner while pods come or are out of sight, for as long as that is news. Of those that go the
    watch tells, and nobody waits for them.
    """
    never = {config_id for config_id, at in looked_at.items() if at is None}
    ages = {config_id: now - at for config_id, at in looked_at.items() if at is not None}
    old = {config_id for config_id, age in ages.items() if age >= reach.LIST_EVERY}
    young = {config_id for config_id, age in ages.items() if age >= reach.LIST_RESTLESS} - old
    return frozenset(never | old | (_restless(young, now=now) if young else set()))


def _restless(config_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    rows = Pod.objects.filter(
        config__in=config_ids, state__in=_RESTLESS, changed_at__gt=now - reach.RESTLESS_FOR
    )
    return set(rows.order_by().values_list("config", flat=True).distinct())


def run(lease: Lease, port: ClusterPort, *, now: datetime, rules: Rules) -> Round:
    """Look at the cluster, decide and write; then delete pods that have no row.

    Raises:
        ClusterUnreachable: nothing is known, and nothing was written.
        ClusterRefused: the account may not look.
    """
    known = known_pods(lease.config_id)
    observed = look(port, known, lease.config_id)
    decided = plan.make(known, observed, lease.memory, now=now, rules=rules)
    moved = write(decided, lease, now=now)
    _say(decided, lease)
    for stray in decided.strays[:MOST_STRAYS]:
        _delete_stray(stray, port)
    return Round(decided, moved)


def _delete_stray(stray: PodSeen, port: ClusterPort) -> None:
    """Delete a pod that has no row; one that may not be deleted is in nobody's way."""
    facts = {"pod": stray.name, "uid": stray.uid}
    try:
        port.delete_pod(stray.name, uid=stray.uid)
    except (OtherPod, ClusterRefused) as error:
        logger.warning("stray_pod_stays", extra=facts | {"error": error.message})
    else:
        logger.warning("stray_pod_deleted", extra=facts)


def known_pods(config_id: UUID) -> list[KnownPod]:
    """Return the rows of a config that are not gone, by id; one statement."""
    here = Session.objects.filter(agent=OuterRef("agent"), ended_at=None)
    rows = Pod.objects.filter(config=config_id).exclude(state=PodState.GONE).order_by("pk")
    found = rows.annotate(is_here=Exists(here)).values_list(
        *("id", "pool_id", "name", "state", "created_at", "uid", "node", "failure", "message"),
        *("shielded", "ready_at", "is_here", "agent__desired"),
        named=True,
    )
    return [
        KnownPod(
            id=row.id,
            pool_id=row.pool_id,
            name=row.name,
            state=PodState(row.state),
            created_at=row.created_at,
            uid=row.uid,
            node=row.node,
            failure=PodFailure(row.failure),
            message=row.message,
            shielded=row.shielded,
            has_connected=row.ready_at is not None,
            is_here=row.is_here,
            is_draining=row.agent__desired == Desired.DRAINING,
        )
        for row in found
    ]


def look(port: ClusterPort, known: Collection[KnownPod], config_id: UUID) -> Observed:
    """Ask the cluster: which one it is, what is there, what is missing, and about odd nodes."""
    rows = list(known)
    uid = port.cluster_uid()
    listing = port.list_pods(str(config_id))
    absent = absences.missing(rows, listing.pods)[:MOST_ASKED]
    nodes = plan.doubtful_nodes(rows, listing.pods)[:MOST_NODES]
    return Observed(
        cluster_uid=uid,
        pods=listing.pods,
        asked=_by_name(port, [one.name for one in absent]),
        nodes=_nodes(port, nodes),
    )


def _nodes(port: ClusterPort, names: Collection[str]) -> dict[str, bool | None]:
    """Ask about nodes; it only makes messages better, so what is not answered is left out."""
    found: dict[str, bool | None] = {}
    for name in names:
        with suppress(ClusterRefused, Unavailable):
            found[name] = port.node_ready(name)
    return found


def _by_name(port: ClusterPort, names: Collection[str]) -> dict[str, PodSeen | None]:
    """Ask for each pod; one about which nobody answers is left out."""

    def ask(name: str) -> tuple[str, PodSeen | None] | None:
        try:
            return name, port.pod(name)
        except Unavailable:
            return None

    if not names:
        return {}
    with ThreadPoolExecutor(THREADS) as threads:
        return dict(found for found in threads.map(ask, names) if found is not None)


@transaction.atomic
def write(decided: Plan, lease: Lease, *, now: datetime) -> dict[PodEvent, frozenset[UUID]]:
    """Write what was decided, in a constant number of statements.

    Locks: agents of pods that are given up, by pk; then the pods of which anything is written, by
    pk, and what is asked for them.

    Returns:
        The pods that moved, by event.
    """
    attribution.attribute(attribution.SYSTEM, cause="reconcile")
    spared = silence.give_up(decided, now=now)
    notes = [note for note in decided.notes if note.pod_id not in spared]
    told = {pod_id for ids in decided.events.values() for pod_id in ids} - spared
    pods.lock(told.union(note.pod_id for note in notes))
    pods.note(notes, now=now)
    moved = {
        event: pods.move(frozenset(decided.events[event]) - spared, event, now=now)
        for event in _ORDER
        if event in decided.events
    }
    _ask_for_ends(moved.get(PodEvent.FAILED, frozenset()), now=now)
    pods.finish(moved.get(PodEvent.CREATED, frozenset()), ActionKind.CREATE, now=now)
    pods.ask(decided.create, ActionKind.CREATE, now=now)
    pods.ask(decided.delete, ActionKind.DELETE, now=now)
    reach.answered(lease, decided, now=now)
    return moved


def _ask_for_ends(failed: Collection[UUID], *, now: datetime) -> None:
    """Ask for the end of failed pods: at once, or after the time that their pool keeps them."""
    kept: dict[int, list[UUID]] = defaultdict(list)
    found = Pod.objects.filter(pk__in=failed).values_list("pk", "pool__keep_failed_s")
    for pod_id, keep_s in found if failed else ():
        kept[keep_s].append(pod_id)
    for keep_s, ids in kept.items():
        pods.ask(ids, ActionKind.DELETE, now=now, not_before=now + timedelta(seconds=keep_s))


def _say(decided: Plan, lease: Lease) -> None:
    if decided.alarm and decided.alarm != lease.alarm:
        facts = {"config": str(lease.config_id), "alarm": decided.alarm}
        logger.error("cluster_alarm", extra=facts)
