"""How does a pod's row come to be, move, and ask for what is done in its cluster?

The only writer of pod states. Nothing here calls a cluster: `acting` does what the rows ask for.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from agents.core.states import Desired, Observed
from agents.models import Agent, AgentType, Lane, Slot
from k8s4r import clock, database
from pools.core import naming
from pools.core.pods import TABLE, ActionKind, ActionState, PodEvent, PodMode
from pools.core.sightings import Note
from pools.models import Pod, PodAction, Pool

SLOT_LANES: Final = (Lane.MAIN, Lane.PLAN, Lane.PLAN)
TASK_LANES: Final = (Lane.GENERAL,)

# Where each event leads from and to: every event of the table has one target.
_SOURCES: Final = {
    event: sorted(str(state) for state, happened in TABLE if happened is event)
    for event in PodEvent
}
_TARGET: Final = {event: state for (_, event), state in TABLE.items()}
_ENDS: Final = frozenset({PodEvent.GONE, PodEvent.FAILED})
_NOTE: Final = """
UPDATE pools_pod p SET
    uid = CASE WHEN p.uid = '' THEN coalesce(n.uid, '') ELSE p.uid END,
    node = coalesce(n.node, p.node), failure = coalesce(n.failure, p.failure),
    message = coalesce(n.message, p.message), shielded = coalesce(n.shielded, p.shielded),
    observed_at = %(now)s, changed_at = %(now)s
FROM jsonb_to_recordset(%(notes)s::jsonb)
    AS n(pod_id uuid, uid text, node text, failure text, message text, shielded boolean)
WHERE p.id = n.pod_id AND p.state <> 'gone'
"""
# One statement each, and no objects: a pass may shield hundreds of pods.
_FINISH: Final = """
UPDATE pools_podaction a SET state = 'done', done_at = %(now)s, leased_until = NULL
FROM (SELECT id FROM pools_podaction
      WHERE pod_id = ANY(%(pods)s::uuid[]) AND kind = %(kind)s AND state = 'pending'
      ORDER BY id FOR UPDATE) open
WHERE a.id = open.id
"""
_ASK: Final = """
INSERT INTO pools_podaction (pod_id, kind, state, tries, not_before, error, created_at)
SELECT id, %(kind)s, 'pending', 0, %(not_before)s, '', %(now)s
FROM unnest(%(pods)s::uuid[]) AS id ORDER BY id
ON CONFLICT DO NOTHING
"""
_OPPOSITE: Final = {
    ActionKind.SHIELD: ActionKind.UNSHIELD,
    ActionKind.UNSHIELD: ActionKind.SHIELD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPod:
    """A pod to be made: for slots, or for one task, in a workspace or without.

    ``number`` counts the pods that the task has had, this one included.
    """

    task_id: UUID | None = None
    number: int = 1
    workspace: str = ""


def make(pool: Pool, wanted: Sequence[NewPod], *, now: datetime) -> list[Pod]:
    """Make pods with their agents and slots, and ask for their creation.

    Six statements for any number. Expects a transaction, the pool locked and signed
    (`attribution.attribute`). A task that has a pod already makes IntegrityError of it.
    """
    config = pool.k8s_config
    assert config is not None, "the pool has a config"
    pods = [
        Pod(
            id=identity,
            pool=pool,
            config=config,
            namespace=config.namespace,
            name=_name(pool, identity, one),
            task_id=one.task_id,
            created_at=now,
            changed_at=now,
        )
        for one in wanted
        for identity in [clock.new_id()]
    ]
    for pod in pods:
        pod.agent = _agent(pool, pod.name, now)
    Agent.objects.bulk_create(pod.agent for pod in pods)
    lanes = SLOT_LANES if pool.pod_mode == PodMode.SLOTS else TASK_LANES
    Slot.objects.bulk_create(
        Slot(agent=pod.agent, index=index, lane=lane)
        for pod in pods
        for index, lane in enumerate(lanes)
    )
    Pod.objects.bulk_create(pods)
    ask([pod.pk for pod in pods], ActionKind.CREATE, now=now)
    return pods


def move(
    pod_ids: Collection[UUID], event: PodEvent, *, now: datetime, **facts: Any
) -> frozenset[UUID]:
    """Apply an event to the pods in whose state it means something; ``facts`` are columns.

    Expects a transaction.

    Locks: the pods, by pk.

    Returns:
        The pods that moved.
    """
    rows = Pod.objects.filter(pk__in=pod_ids, state__in=_SOURCES[event]).order_by("pk")
    moved = frozenset(rows.select_for_update(of=("self",)).values_list("pk", flat=True))
    if not moved:
        return moved
    if event is PodEvent.GONE:
        facts["gone_at"] = now
    if event is PodEvent.CONNECTED:
        facts.setdefault("ready_at", Coalesce("ready_at", Value(now)))
    Pod.objects.filter(pk__in=moved).update(state=_TARGET[event], changed_at=now, **facts)
    if event in _ENDS:
        # There is nothing left to do it to.
        close(_open(moved), now=now)
    return moved


def lock(pod_ids: Collection[UUID]) -> None:
    """Lock pods and what is asked for them, before several things are written of them.

    Expects a transaction. One after the other by pk: two that write of the same pods would
    otherwise wait for each other.

    Locks: the pods, by pk; then their open actions, by pk.
    """
    if pod_ids:
        rows = Pod.objects.filter(pk__in=pod_ids).order_by("pk")
        list(rows.select_for_update(of=("self",)).values_list("pk"))
        _locked(_open(pod_ids))


def note(notes: Sequence[Note], *, now: datetime) -> None:
    """Write what was seen of pods; their states stay. One statement for any number.

    Expects a transaction, and the pods locked where there are several. A uid that is known stays,
    and so does whatever a pod that is gone says.
    """
    if notes:
        said = [{**asdict(one), "pod_id": str(one.pod_id)} for one in notes]
        database.run(_NOTE, {"notes": json.dumps(said), "now": now})


def finish(pod_ids: Collection[UUID], kind: ActionKind, *, now: datetime) -> None:
    """Say of the pods that this need not be done any more: it is so already.

    Locks: the actions, by pk.
    """
    if pod_ids:
        database.run(_FINISH, {"pods": database.ids(pod_ids), "kind": kind, "now": now})


def close(actions: QuerySet[PodAction], *, now: datetime) -> None:
    """Say of actions that they are done, or in vain.

    Locks: the actions, by pk.
    """
    found = _locked(actions)
    if found:
        PodAction.objects.filter(pk__in=found).update(
            state=ActionState.DONE, done_at=now, leased_until=None
        )


def connected(agent_id: UUID, *, now: datetime) -> None:
    """Say that the agent in a pod opened a session; nothing for any other agent.

    Expects a transaction, and the agent's row locked.

    Locks: the pod.
    """
    found = Pod.objects.filter(agent=agent_id).values_list("pk", flat=True)
    move(list(found), PodEvent.CONNECTED, now=now)


def ask(
    pod_ids: Collection[UUID],
    kind: ActionKind,
    *,
    now: datetime,
    not_before: datetime | None = None,
) -> None:
    """Ask for something to be done to the pods; what is asked for already stays as it is.

    A shield takes back its opposite, and the other way round.
    """
    if not pod_ids:
        return
    opposite = _OPPOSITE.get(kind)
    if opposite is not None:
        finish(pod_ids, opposite, now=now)
    parameters = {
        "pods": database.ids(pod_ids),
        "kind": kind,
        "not_before": not_before or now,
        "now": now,
    }
    database.run(_ASK, parameters)


def hurry(pod_ids: Collection[UUID], kind: ActionKind, *, now: datetime) -> None:
    """Have something done to the pods now, whether or not it is asked for already, for later."""
    ask(pod_ids, kind, now=now)
    _open(pod_ids, kind).filter(not_before__gt=now).update(not_before=now)


def _open(pod_ids: Collection[UUID], kind: ActionKind | None = None) -> QuerySet[PodAction]:
    rows = PodAction.objects.filter(pod__in=pod_ids, state=ActionState.PENDING)
    return rows if kind is None else rows.filter(kind=kind)


def _locked(actions: QuerySet[PodAction]) -> list[int]:
    rows = actions.order_by("pk").select_for_update(of=("self",))
    return list(rows.values_list("pk", flat=True))


def _name(pool: Pool, pod_id: UUID, wanted: NewPod) -> str:
    if wanted.task_id is None:
        return naming.slot_pod(pool.name, pod_id)
    return naming.task_pod(wanted.task_id, wanted.number, wanted.workspace)


def _agent(pool: Pool, name: str, now: datetime) -> Agent:
    """Return the agent that will be in the pod: away until it says hello."""
    return Agent(
        id=clock.new_id(),
        project_id=pool.project_id,
        name=name,
        type=AgentType.K8S,
        labels=dict(pool.required_labels),
        desired=Desired.ACTIVE,
        observed=Observed.OFFLINE,
        created_at=now,
        changed_at=now,
    )
