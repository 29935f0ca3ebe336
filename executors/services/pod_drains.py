"""How does a person let a pod go? It finishes what it has; then it is deleted.

A pod that is busy is deleted by a look at its pool (`scaling`) after its last slot was freed.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from agents.core.states import Desired
from agents.models import Agent
from agents.services import wishes
from agents.services.wishes import Said
from executors import pods as reads
from executors import wakeups
from executors.services import draining
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.core.errors import IllegalTransition
from k8s4r.core.roles import Permission
from pools.core.pods import ActionKind, PodEvent, PodState
from pools.models import Pod
from pools.services import pods

# Nothing of these runs; they may be kept for somebody to look at.
_ENDING: Final = (PodState.FAILED, PodState.DELETING)


@transaction.atomic
def drain(pod_id: UUID, *, principal: Principal, now: datetime, note: str = "") -> Pod:
    """Give a pod no more work and have it deleted once it is idle; asking twice is a success.

    One that is kept although nothing of it runs goes now.

    Locks: its agent, so that nothing is assigned to it meanwhile; then the pod.

    Returns:
        The pod as it is now.

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
    agents = Agent.objects.select_for_update(of=("self",), no_key=True)
    agent = agents.get(pk=pod.agent_id)
    if agent.archived_at is None:
        said = Said(note=note, by=principal.name)
        wishes.set_desired(agent.pk, Desired.DRAINING, actor=principal.actor, now=now, said=said)
    is_going = draining.drain_if_idle([agent.pk], now=now)
    if pod.state in _ENDING:
        # One whose work is not settled yet goes when it is (`acting`).
        pods.hurry([pod.pk], ActionKind.DELETE, now=now)
        wakeups.clusters_changed([pod.config_id])
    elif not is_going:
        pods.move([pod.pk], PodEvent.DRAIN, now=now)
    return reads.pod(pod_id, principal)
