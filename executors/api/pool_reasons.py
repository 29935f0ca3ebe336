"""What of its pool's tasks a person asks: who would get one, what waits why, what was decided."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from executors import conf, queues, reason_shapes, reasons
from executors.api import reason_answers
from executors.core import fairness, requests
from executors.core.fairness import Queued
from executors.core.requests import TaskRequest
from executors.reasons import Hypothesis
from k8s4r import clock
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.api import paging, places
from k8s4r.api.answers import Page
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core.errors import FieldProblem, Invalid
from k8s4r.core.roles import Permission
from pools import selectors as pools
from pools.models import Pool


class ExplainView(View):
    """``POST agent-pools/{id}/explain``: a dry run of a dispatch pass with one task more."""

    @operation(
        needs=Permission.FLEET_READ,
        body=requests.TaskRequest,
        answers={200: reason_answers.Trial},
    )
    def post(self, request: Request, pool_id: UUID) -> Response:
        """Say who would get this task, and why not the others; nothing is kept."""
        principal = principal_of(request)
        pool, now = pools.pool(pool_id, principal), clock.now()
        asked = _asked(request.data)
        project = _project(request.data, asked, pool, principal)
        requirement = requests.requirement(asked, pool.pk)
        weight_s = conf.aging_weight_s()
        queued = Queued(
            task_id=clock.new_id(),
            requirement_id=requirement.id,
            project_id=project.pk,
            owner_id=principal.id,
            sort_key=fairness.sort_key(now.timestamp(), asked.priority, weight_s),
            priority=asked.priority,
        )
        found = reasons.trial(
            pool,
            Hypothesis(queued, requirement, project.weight),
            now=now,
            aging_weight_s=weight_s,
        )
        return Response(reason_shapes.trial(pool, found))


class PoolWaitingView(View):
    """``GET agent-pools/{id}/waiting``."""

    @operation(
        needs=Permission.TASKS_READ,
        answers={200: reason_answers.PoolWaiting},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """Group what waits in a pool by the reason why."""
        paging.check_parameters(request)
        principal = principal_of(request)
        pool, now = pools.pool(pool_id, principal), clock.now()
        groups = queues.waiting(pool, principal, now=now)
        return Response(reason_shapes.groups(pool, groups, pools.barriers(pool, now=now)))


class DispatchesView(View):
    """``GET agent-pools/{id}/dispatches``."""

    @operation(
        needs=Permission.TASKS_READ,
        query=paging.PageQuery,
        answers={200: Page[reason_answers.Dispatch]},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """List what the last passes of a pool decided, the newest first."""
        paging.check_parameters(request)
        principal = principal_of(request)
        pool = pools.pool(pool_id, principal)
        page = paging.page_from(request, ("-id",))
        found = list(paging.rows_of(page, queues.decisions(pool)))
        shape = reason_shapes.decisions(queues.named(found, principal))
        return paging.answer(request, page, found, shape)


def _asked(body: object) -> TaskRequest:
    if not isinstance(body, Mapping):
        raise Invalid("ask about one task", errors=[FieldProblem("", "object", "one task")])
    (asked,) = requests.read(dict(body), min_lost_after_s=conf.leases().min_lost_after_s)
    return asked


def _project(body: Any, asked: TaskRequest, pool: Pool, principal: Principal) -> Project:
    """Return the project that the task would belong to; without a word the pool's own.

    Raises:
        Invalid: it is not there for the caller, or may not use this pool.
    """
    if "project" not in body and principal.may(Permission.FLEET_READ, pool.project_id):
        return pool.project
    project = places.project_named(asked.project, principal)
    if project.pk != pool.project_id and str(project.pk) not in pool.shared_with:
        detail = f"pool {pool.name} is not shared with {project.name}"
        problem = FieldProblem(places.IN_BODY, "not_shared", detail)
        raise Invalid(f"project: {detail}", errors=[problem])
    return project
