"""What becomes of the work in pods that failed or are gone, and of their agents?

Kubernetes said that nothing of such a pod runs: what it had is lost now, without waiting for a
lease. An apply is unknown: how far it came nobody can say. The agent is archived, so that its
tokens end; pods that are only out of sight keep theirs, and their slots.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from agents.core.states import Desired
from agents.models import Agent, AgentType, Session
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from executors.services import adoption, rows
from k8s4r.access.services import tokens
from k8s4r.audit import attribution
from pools.core.pods import PodState
from pools.models import Pod

_ENDED: Final = (PodState.FAILED, PodState.GONE)


@transaction.atomic
def settle(*, now: datetime, limit: int) -> int:
    """End the work of agents whose pods ended, and let the agents go; return how many.

    Locks: the agents, by pk, skipping what others hold; then the tasks of their current attempts,
    by pk; then the attempts, by pk.
    """
    ended = Pod.objects.filter(agent=OuterRef("pk"), state__in=_ENDED)
    leaving = Agent.objects.filter(Exists(ended), type=AgentType.K8S, archived_at=None)
    locked = leaving.order_by("pk").select_for_update(of=("self",), no_key=True, skip_locked=True)
    agent_ids = list(locked.values_list("pk", flat=True)[:limit])
    if not agent_ids:
        return 0
    attribution.attribute(attribution.SYSTEM, cause="pod_ended")
    _end_work(agent_ids, now=now)
    Session.objects.filter(agent__in=agent_ids, ended_at=None).update(ended_at=now)
    Agent.objects.filter(pk__in=agent_ids).update(
        desired=Desired.REVOKED, archived_at=now, changed_at=now
    )
    tokens.revoke_agents(agent_ids, now=now)
    return len(agent_ids)


def _end_work(agent_ids: Collection[UUID], *, now: datetime) -> None:
    current = Attempt.objects.filter(agent__in=agent_ids, state__in=CURRENT_WORDS)
    locked = rows.lock(list(current.values_list("pk", flat=True)))
    adoption.leave(locked.attempts.values(), locked, now=now)
