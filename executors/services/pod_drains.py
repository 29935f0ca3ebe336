"""How does a person let a pod go? It finishes what it has; then it is deleted.

A pod that is busy is deleted by a look at its pool (`scaling`) after its last slot was freed.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.core.states import Desired
from agents.services import wishes
from agents.services.wishes import Said
from executors import pods as reads
from executors.services import draining
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import IllegalTransition
from k8s4r.core.roles import Permission
from pools.core.pods import ActionKind, PodEvent, PodState
from pools.models import Pod
from pools.services import pods


@dataclass(frozen=True, slots=True)
class Drained:
    """The pod as it is now, and whether its work is waited for."""

    pod: Pod
    is_busy: bool


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
    attribution.attribute(principal.actor, cause="drain")
    if pod.state == PodState.FAILED:
        # Its work is settled, and its agent gets no more.
        if pods.move([pod_id], PodEvent.DELETE, now=now):
            pods.ask([pod_id], ActionKind.DELETE, now=now)
    else:
        _drain(pod, Said(note=note, by=principal.name), principal.actor, now=now)
    after = reads.pod(pod_id, principal)
    return Drained(after, after.state == PodState.DRAINING)


def _drain(pod: Pod, said: Said, actor: Actor, *, now: datetime) -> None:
    wishes.set_desired(pod.agent_id, Desired.DRAINING, actor=actor, now=now, said=said)
    if draining.drain_if_idle([pod.agent_id], now=now):
        # Why it goes is what the person said.
        wishes.set_desired(pod.agent_id, Desired.DRAINING, actor=actor, now=now, said=said)
    else:
        pods.move([pod.pk], PodEvent.DRAIN, now=now)
