"""How does a pod of ours prove who it is, and what does it get for that?

What is known of the pod is read, its cluster is asked outside of any transaction, and only then
rows are written. From then on nothing that its agent does needs the cluster.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.services import registration
from agents.wire.messages import Registered
from k8s4r.audit import attribution, refusals
from k8s4r.audit.attribution import Actor
from k8s4r.audit.refusals import Refused
from k8s4r.core.errors import Forbidden, Unauthenticated
from pools.core import identity
from pools.core.identity import Mismatch
from pools.core.pods import PodEvent, PodState
from pools.core.ports import ClusterPort
from pools.models import Pod
from pools.services import pods


class NotThisPod(Forbidden):
    """The cluster knows the bearer, and it is not the pod in whose name it asks."""

    code, title = "not_this_pod", "This token is not that of the pod"

    def __init__(self, why: Mismatch) -> None:
        super().__init__("this token is not that of the pod")
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingPod:
    """A pod as we know it before its cluster is asked; ``uid`` is empty while not known."""

    id: UUID
    config_id: UUID
    agent_id: UUID
    project_id: UUID
    namespace: str
    name: str
    uid: str


def asking(config_id: UUID, pod_id: UUID) -> AskingPod:
    """Return the pod that somebody asks in the name of.

    Raises:
        Unauthenticated: there is none, or it is to get no token any more.
    """
    row = Pod.objects.select_related("pool").filter(pk=pod_id, config=config_id).first()
    if row is None or not identity.may_ask(PodState(row.state), row.uid):
        raise _nobody()
    return AskingPod(
        id=row.pk,
        config_id=config_id,
        agent_id=row.agent_id,
        project_id=row.pool.project_id,
        namespace=row.namespace,
        name=row.name,
        uid=row.uid,
    )


def vouched(pod: AskingPod, token: str, *, port: ClusterPort, audience: str) -> str:
    """Ask the cluster whose token this is, and return the uid of the pod if it is this one's.

    One call; another one where the uid is not known yet. Not within a transaction.

    Raises:
        Unauthenticated: the token is not valid for us.
        NotThisPod: it is that of somebody else.
        ClusterUnreachable, ClusterRefused: the cluster does not say.
    """
    reviewed = port.review_token(token, audience=audience)
    if reviewed is None:
        raise _nobody()
    found = identity.mismatch(reviewed, namespace=pod.namespace, name=pod.name, uid=pod.uid)
    if found is None and not pod.uid:
        ours = {"config": str(pod.config_id), "pod": str(pod.id)}
        seen = port.pod(pod.name)
        found = None if identity.is_ours(seen, uid=reviewed.pod_uid, **ours) else Mismatch.NOT_OURS
    if found is not None:
        raise NotThisPod(found)
    return reviewed.pod_uid


@transaction.atomic
def admit(pod: AskingPod, uid: str, *, now: datetime) -> Registered:
    """Give the agent of a pod, whose cluster vouched for it, a token; earlier ones end.

    Locks: the agent, then the pod.

    Raises:
        Unauthenticated: pod or agent were let go, or another uid became known, meanwhile.
    """
    attribution.attribute(Actor("agent", str(pod.agent_id)), cause="pod_identified")
    registered = registration.admit(pod.agent_id, now=now)
    row = Pod.objects.select_for_update(of=("self",), no_key=True).get(pk=pod.id)
    if row.uid not in {"", uid} or not identity.may_ask(PodState(row.state), row.uid):
        raise _nobody()
    if not row.uid:
        pods.move([row.pk], PodEvent.CREATED, now=now, uid=uid)
    return registered


@transaction.atomic
def refuse(pod: AskingPod, error: NotThisPod, *, now: datetime) -> None:
    """Put on record that somebody asked in the name of a pod and is not it."""
    attribution.attribute(Actor("pod"), cause="pod_refused")
    state = Pod.objects.values_list("state", flat=True).get(pk=pod.id)
    refusals.record(
        Refused(
            kind="pod",
            object_id=pod.id,
            project_id=pod.project_id,
            state=state,
            why=str(error.why),
        ),
        now=now,
    )


def _nobody() -> Unauthenticated:
    return Unauthenticated("this token is not valid")
