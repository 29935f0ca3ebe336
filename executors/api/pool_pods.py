"""The pods of one pool over REST, what is on its slots, and why it is as large as it is."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from executors import pod_filters, pod_shapes, pods
from executors.api import pod_answers
from k8s4r.api import paging, queries
from k8s4r.api.answers import Moment, Page
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core.errors import FieldProblem
from k8s4r.core.roles import Permission
from pools import selectors as pools


class DecisionQuery(paging.CountedQuery):
    """``GET agent-pools/{id}/decisions``: those that held at some time since then."""

    since: Moment | None = None


class PoolPodsView(View):
    """``GET agent-pools/{id}/pods``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=pod_filters.PoolPods,
        answers={200: Page[pod_answers.ListedPod]},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """List the pods of a pool, the newest first."""
        principal = principal_of(request)
        pool = pools.pool(pool_id, principal)
        rows = pod_filters.of_pools(request, pods.pods(principal).filter(pool=pool))
        page = paging.page_from(request, pod_filters.NEWEST_FIRST, pod_filters.SORTS)
        found = list(paging.rows_of(page, rows))
        answer = paging.answer(request, page, found, pod_shapes.listed(found))
        return paging.counted(request, answer, rows)


class SlotsView(View):
    """``GET agent-pools/{id}/slots``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=paging.PageQuery,
        answers={200: pod_answers.SlotMap},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """Show what is on the slots of a pool, agent by agent, and how many there are."""
        paging.check_parameters(request)
        principal = principal_of(request)
        pool = pools.pool(pool_id, principal)
        page = paging.page_from(request, ("created_at", "id"))
        rows = pods.holders(pool)
        found = list(paging.rows_of(page, rows))
        answer = paging.answer(request, page, found, pod_shapes.holders(pool, found, principal))
        answer.data["totals"] = pod_shapes.totals(pods.counts(rows))
        return answer


class ScalingDecisionsView(View):
    """``GET agent-pools/{id}/decisions``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=DecisionQuery,
        answers={200: Page[pod_answers.ScalingDecision]},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """List why the pool was made larger or smaller, or was not, the newest first."""
        paging.check_parameters(request, ("since", paging.COUNT))
        problems: list[FieldProblem] = []
        since = queries.moment(request.query_params.get("since"), "since", problems)
        if problems:
            raise paging.refused(problems)
        rows = pods.decisions(pools.pool(pool_id, principal_of(request)))
        rows = rows.filter(until__gte=since) if since else rows
        page = paging.page_from(request, ("-id",))
        found = list(paging.rows_of(page, rows))
        return paging.counted(
            request, paging.answer(request, page, found, pod_shapes.decision), rows
        )
