"""How does a pod leave without ever taking work along? One transaction, under its agent's lock.

Assigning takes the same lock and asks again whether the agent may get work (`dispatch`). Kubernetes
hears of it only after the commit, from a row.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.core.states import Desired
from agents.models import Agent
from agents.services import wishes
from executors import wakeups
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from pools.core.pods import ActionKind, PodEvent
from pools.models import Pod
from pools.services import pods

NOTE = "its pod goes"


@transaction.atomic
def drain_if_idle(
    agent_ids: Collection[UUID], *, now: datetime, delete_at: datetime | None = None
) -> frozenset[UUID]:
    """Let the pods of these agents go that have nothing on them; the others stay as they are.

    Expects the transaction to be signed. What somebody else holds at this moment is left out: it
    may be getting work.

    Locks: the agents, by pk, skipping what others hold; then their pods, by pk.

    Args:
        delete_at: not before then; a failed pod may be kept to look at.

    Returns:
        The agents whose pods go.
    """
    idle = _idle(agent_ids)
    if not idle:
        return idle
    rows = Pod.objects.filter(agent__in=idle)
    found = {pod_id: (agent, config) for pod_id, agent, config in rows.values_list(
        "pk", "agent_id", "config_id")}  # fmt: skip
    pods.move(found, PodEvent.DRAIN, now=now)
    going = pods.move(found, PodEvent.DELETE, now=now)
    pods.ask(going, ActionKind.DELETE, now=now, not_before=delete_at)
    agents = frozenset(found[pod_id][0] for pod_id in going)
    _draining(agents, now=now)
    wakeups.news_for(agents)
    wakeups.clusters_changed({found[pod_id][1] for pod_id in going})
    return agents


def _idle(agent_ids: Collection[UUID]) -> frozenset[UUID]:
    """Lock the agents, and only then look what they have: work may have come a moment ago."""
    rows = Agent.objects.filter(pk__in=agent_ids).order_by("pk")
    free = rows.select_for_update(of=("self",), no_key=True, skip_locked=True)
    locked = frozenset(free.values_list("pk", flat=True))
    current = Attempt.objects.filter(agent__in=locked, state__in=CURRENT_WORDS)
    return locked - frozenset(current.values_list("agent_id", flat=True))


def _draining(agent_ids: Collection[UUID], *, now: datetime) -> None:
    """Let the agents leave; whom a person asked to leave keeps what that person said."""
    rows = Agent.objects.filter(pk__in=agent_ids, desired__in=[Desired.ACTIVE, Desired.PAUSED])
    wishes.ask_all(rows, Desired.DRAINING, NOTE, now=now)
