"""Pools over REST: list, make, read, change, end, and who is in them."""

from functools import partial
from typing import Final
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock
from k8s4r.api import conditions, paging, places
from k8s4r.api.answers import Page
from k8s4r.api.conditions import IfMatch
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.streams import watched
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import (
    Conflict,
    CursorExpired,
    FieldProblem,
    Invalid,
    PreconditionFailed,
)
from k8s4r.core.roles import Permission
from pools import selectors
from pools.api import answers, bodies, filters, shapes
from pools.api.bodies import ChangedPool, Members, NewPool, ReplacedPool
from pools.services import pools

# What a caller who changes a pool has looked at.
SETTINGS: Final = (
    "name", "description", "type", "strategy", "required_labels", "max_concurrent",
    "max_per_owner", "paused", "paused_reason", "paused_until", "windows", "open_until",
    "shared_with", "weights", "k8s_config_id", "pod_mode", "min_pods", "max_pods", "warm_spares",
    "cooldown_s", "max_surge", "keep_failed_s", "pod_template", "metadata",
)  # fmt: skip


class PoolsView(View):
    """``GET agent-pools``, ``POST agent-pools``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=filters.WatchedPools,
        answers={200: watched(answers.Pool)},
        refuses=(CursorExpired,),
    )
    def get(self, request: Request) -> Response:
        """List pools by name."""
        page = paging.page_from(request, ("name", "id"), filters.SORTS)
        rows = filters.pools(request, principal_of(request))
        found = list(paging.rows_of(page, rows))
        answer = paging.answer(request, page, found, shapes.pools(found, now=clock.now()))
        return paging.counted(request, answer, rows)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=NewPool,
        answers={201: answers.Pool},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request) -> Response:
        """Make a pool."""
        body = conversion.convert(request.data, NewPool)
        principal, now = principal_of(request), clock.now()
        row = pools.create(
            project=places.project_named(body.project, principal, Permission.FLEET_WRITE),
            now=now,
            actor=principal.actor,
            by=principal.name,
            **bodies.columns(body, principal, now=now),
        )
        headers = {"Location": f"{request.path}/{row.pk}"}
        return Response(shapes.pool(row, now=now), status=201, headers=headers)


class PoolView(View):
    """``GET PUT PATCH DELETE agent-pools/{id}``."""

    @operation(
        needs=Permission.FLEET_READ,
        answers={200: answers.Pool},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """Show a pool."""
        row = selectors.pool(pool_id, principal_of(request))
        return conditions.tagged(shapes.pool(row, now=clock.now()), row, SETTINGS)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ReplacedPool,
        answers={200: answers.Pool},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed),
    )
    def put(self, request: Request, pool_id: UUID) -> Response:
        """Replace what a pool is."""
        return self._changed(request, pool_id, conversion.convert(request.data, ReplacedPool))

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ChangedPool,
        answers={200: answers.Pool},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed),
    )
    def patch(self, request: Request, pool_id: UUID) -> Response:
        """Change some of what a pool is."""
        return self._changed(request, pool_id, conversion.convert(request.data, ChangedPool))

    @operation(
        needs=Permission.FLEET_WRITE,
        answers={204: None},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed),
    )
    def delete(self, request: Request, pool_id: UUID) -> Response:
        """End a pool: no new tasks; those it has still run."""
        principal = principal_of(request)

        def end() -> Response:
            pools.archive(pool_id, principal=principal, now=clock.now())
            return Response(status=204)

        lock = partial(pools.locked, pool_id, principal)
        return conditions.unless_changed(request, lock, SETTINGS, end)

    def _changed(
        self, request: Request, pool_id: UUID, body: ReplacedPool | ChangedPool
    ) -> Response:
        principal, now = principal_of(request), clock.now()
        columns = bodies.columns(body, principal, now=now)

        def change() -> Response:
            row = pools.change(pool_id, columns, principal=principal, now=now)
            return conditions.tagged(shapes.pool(row, now=now), row, SETTINGS)

        lock = partial(pools.locked, pool_id, principal)
        return conditions.unless_changed(request, lock, SETTINGS, change)


class MembersView(View):
    """``GET agent-pools/{id}/agents``, ``POST agent-pools/{id}/agents``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=paging.PageQuery,
        answers={200: Page[answers.PoolMember]},
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        """List the agents of a pool by name."""
        paging.check_parameters(request)
        page = paging.page_from(request, ("name", "id"))
        members = selectors.members(selectors.pool(pool_id, principal_of(request)))
        return paging.answer(request, page, list(paging.rows_of(page, members)), shapes.member)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Members,
        answers={200: answers.Listed},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, pool_id: UUID) -> Response:
        """List agents in a static pool."""
        body = conversion.convert(request.data, Members)
        asked = [*([body.agent_id] if body.agent_id else []), *body.agent_ids]
        if not asked:
            problem = FieldProblem("/agent_ids", "required", "name at least one agent")
            raise Invalid("no agent is named", errors=[problem])
        row = pools.add_agents(pool_id, asked, principal=principal_of(request), now=clock.now())
        return Response({"pool_id": row.pk, "agent_ids": asked})


class MemberView(View):
    """``DELETE agent-pools/{id}/agents/{agent_id}``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        answers={204: None},
        refuses=(Conflict,),
    )
    def delete(self, request: Request, pool_id: UUID, agent_id: UUID) -> Response:
        """Take an agent off the list of a static pool."""
        pools.remove_agent(pool_id, agent_id, principal=principal_of(request))
        return Response(status=204)
