"""How does the agent in a pod get its token? For the one that Kubernetes mounted into the pod."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from msgspec import structs
from rest_framework.request import Request
from rest_framework.response import Response

from agents.wire.messages import Registered
from agents.wire.pods import PodIdentity
from executors.api import clusters
from executors.api.reviewers import REVIEWERS
from k8s4r import clock
from k8s4r.access.principals import PrincipalKind
from k8s4r.api import guarding
from k8s4r.api.authentication import bearer
from k8s4r.api.operations import operation
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import Unauthenticated
from pools.core.ports import ClusterPort, ClusterRefused
from pools.services import identifying
from pools.services.identifying import AskingPod, NotThisPod


class PodIdentityView(View):
    """``POST agents/pods``."""

    # The proof is for the cluster to judge: nobody here knows the bearer.
    authentication_classes = ()
    permission_classes = ()
    # How the cluster of a config is reached.
    cluster: Callable[[UUID], ClusterPort] = staticmethod(clusters.of)

    @operation(
        needs=None,
        caller=PrincipalKind.POD,
        body=PodIdentity,
        answers={201: Registered},
        refuses=(NotThisPod, ClusterRefused),
    )
    def post(self, request: Request) -> Response:
        """Give the agent in a pod of ours its token, if the pod's cluster vouches for it."""
        token = bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is None:
            raise Unauthenticated("a token is needed")
        body = conversion.convert(request.data, PodIdentity)
        address = request.META.get("REMOTE_ADDR", "")
        try:
            return Response(structs.asdict(self._admitted(body, token)), status=201)
        except (Unauthenticated, NotThisPod):
            guarding.bad_pod(body.pod, address=address)
            raise

    def _admitted(self, body: PodIdentity, token: str) -> Registered:
        pod = identifying.asking(body.config, body.pod)
        guarding.check_pod(pod.id)
        try:
            uid = self._vouched(pod, token)
        except NotThisPod as error:
            identifying.refuse(pod, error, now=clock.now())
            raise
        return identifying.admit(pod, uid, now=clock.now())

    def _vouched(self, pod: AskingPod, token: str) -> str:
        with REVIEWERS.turn(pod.config_id):
            port = self.cluster(pod.config_id)
            return identifying.vouched(pod, token, port=port, audience=settings.POD_AUDIENCE)
