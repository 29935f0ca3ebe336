"""Pods over REST: list, read, let one go, and what was kept of a log."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from executors import pod_filters, pod_shapes, pods
from executors.api import pod_answers
from executors.services import pod_drains
from k8s4r import clock
from k8s4r.api import paging
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.streams import watched
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import CursorExpired, IllegalTransition
from k8s4r.core.roles import Permission


class DrainBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST pods/{id}/drain``: why, for the others."""

    note: Annotated[str, Meta(max_length=4096)] = ""


class PodsView(View):
    """``GET pods``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=pod_filters.WatchedPods,
        answers={200: watched(pod_answers.ListedPod)},
        refuses=(CursorExpired,),
    )
    def get(self, request: Request) -> Response:
        """List pods, the newest first; those that are gone only by that state."""
        rows = pod_filters.found(request, principal_of(request))
        page = paging.page_from(request, pod_filters.NEWEST_FIRST, pod_filters.SORTS)
        found = list(paging.rows_of(page, rows))
        answer = paging.answer(request, page, found, pod_shapes.listed(found))
        return paging.counted(request, answer, rows)


class PodView(View):
    """``GET pods/{id}``."""

    @operation(
        needs=Permission.FLEET_READ,
        answers={200: pod_answers.Pod},
    )
    def get(self, request: Request, pod_id: UUID) -> Response:
        """Show a pod: what is on its slots, what was done to it, and how its log ended."""
        principal = principal_of(request)
        return Response(pod_shapes.whole(pods.pod(pod_id, principal), principal))


class PodLogView(View):
    """``GET pods/{id}/log``."""

    @operation(
        needs=Permission.FLEET_READ,
        answers={200: pod_answers.PodLog},
    )
    def get(self, request: Request, pod_id: UUID) -> Response:
        """Show what was kept of the log of a pod that failed."""
        return Response(pod_shapes.log(pods.pod(pod_id, principal_of(request))))


class PodDrainView(View):
    """``POST pods/{id}/drain``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=DrainBody,
        answers={202: pod_answers.Pod},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, pod_id: UUID) -> Response:
        """Let a pod go: it finishes what it has and is deleted; asking twice is a success."""
        body = conversion.convert(request.data, DrainBody)
        principal = principal_of(request)
        pod = pod_drains.drain(pod_id, principal=principal, now=clock.now(), note=body.note)
        return Response(pod_shapes.whole(pod, principal), status=202)
