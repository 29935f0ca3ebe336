"""How does a person let a pod go? It finishes what it has; then it is deleted.

A pod that is busy is deleted by the next look at its pool after its last slot was freed.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.core.states import Desired
from agents.services import wishes
from agents.services.wishes import Said
from executors import pods as reads
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from k8s4r.access.principals import Principal
from k8s4r.core.errors import IllegalTransition
from k8s4r.core.roles import Permission
from pools.core.pods import ActionKind, PodEvent, PodState
from pools.models import Pod
from pools.services import pods


@dataclass(frozen=True, slots=True)
class Drained:
    """The pod as it is now, and how many of its slots are still in use."""

    pod: Pod
    busy: int


@transaction.atomic
def drain(pod_id: UUID, *, principal: Principal, now: datetime, note: str = "") -> Drained:
    """Give a pod no more work and have it deleted once it is idle; asking twice is a success.

    Locks: its agent, so that nothing is assigned to it meanwhile; then the pod.

    Raises:
        NotFound: there is no such pod, or not for this caller.
        Forbidden: the caller may see it, and no more.
        IllegalTransition: it is gone already.
    """
    pod = reads.pod(pod_id, principal)
    principal.require(Permission.FLEET_WRITE, pod.pool.project_id)
    if pod.state == PodState.GONE:
        raise IllegalTransition(f"pod {pod.name} is gone since {pod.gone_at:%Y-%m-%d %H:%M} UTC")
    said = Said(note=note, by=principal.name)
    wishes.set_desired(pod.agent_id, Desired.DRAINING, actor=principal.actor, now=now, said=said)
    pods.move([pod_id], PodEvent.DRAIN, now=now)
    busy = Attempt.objects.filter(agent=pod.agent_id, state__in=CURRENT_WORDS).count()
    if not busy and pods.move([pod_id], PodEvent.DELETE, now=now):
        pods.ask([pod_id], ActionKind.DELETE, now=now)
    return Drained(reads.pod(pod_id, principal), busy)
