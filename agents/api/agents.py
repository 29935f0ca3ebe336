"""Agents over REST: list, make, read, change, let go."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from agents import selectors
from agents.api import answers, bodies, filters, shapes
from agents.api.bodies import ChangedAgent, NewAgentBody, ReplacedAgent
from agents.api.filters import Beyond
from agents.api.shapes import Presence
from agents.core.totals import Totals
from agents.models import Agent, AgentType
from agents.services import editing, registration, wishes
from agents.services.registration import NewAgent
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.api import conditions, paging, places
from k8s4r.api.conditions import IfMatch
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.streams import watched
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core import labels as label_rules
from k8s4r.core.errors import (
    Conflict,
    CursorExpired,
    IllegalTransition,
    NotFound,
    PreconditionFailed,
)
from k8s4r.core.roles import Permission

# What a caller who changes an agent has looked at.
SETTINGS: Final = ("name", "description", "type", "endpoint", "labels", "metadata", "settings")
HeldSlots: TypeAlias = Callable[[Collection[UUID]], Mapping[UUID, int]]
TaskTotals: TypeAlias = Callable[[Collection[UUID]], Mapping[UUID, Totals]]


def nothing_held(agent_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Stand in where nobody runs tasks."""
    return {}


def nothing_ended(agent_ids: Collection[UUID]) -> Mapping[UUID, Totals]:
    """Stand in where nobody runs tasks."""
    return {}


class AgentView(View):
    """What views of agents share; ``held_slots`` and ``task_totals`` are given by the routes.

    Tasks are not known here: how many slots are in use, and how many tasks ended on an agent, is
    asked of whoever knows.
    """

    held_slots: HeldSlots = staticmethod(nothing_held)
    task_totals: TaskTotals = staticmethod(nothing_ended)

    def presence(self, rows: Sequence[Agent]) -> Presence:
        """Look up what is not in the rows: seven queries for any number."""
        agent_ids = shapes.ids_of(rows)
        return Presence(
            selectors.last_heartbeats(agent_ids),
            selectors.slot_counts(agent_ids),
            self.held_slots(agent_ids),
            selectors.settings_applied(agent_ids),
            selectors.token_expiries(agent_ids),
            self.task_totals(agent_ids),
        )

    def whole(self, row: Agent) -> dict[str, Any]:
        """Return an agent in full."""
        return shapes.whole(row, self.presence([row]))


class AgentsView(AgentView):
    """``GET agents``, ``POST agents``."""

    beyond = Beyond()

    @operation(
        needs=Permission.FLEET_READ,
        query=filters.WatchedAgents,
        answers={200: watched(answers.ListedAgent)},
        refuses=(CursorExpired,),
    )
    def get(self, request: Request) -> Response:
        """List agents by name."""
        page = paging.page_from(request, ("name", "id"), filters.SORTS)
        rows = self.beyond.agents(request, principal_of(request)).select_related("project")
        found = list(paging.rows_of(page, rows))
        presence = self.presence(found)
        answer = paging.answer(request, page, found, lambda row: shapes.listed(row, presence))
        return paging.counted(request, answer, rows)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=NewAgentBody,
        answers={201: answers.NewAgent},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
        shown_once="token",
        located=True,
    )
    def post(self, request: Request) -> Response:
        """Make an agent; its token is in this answer and nowhere else."""
        body = conversion.convert(request.data, NewAgentBody)
        principal = principal_of(request)
        new = NewAgent(
            project_id=places.project_named(body.project, principal, Permission.FLEET_WRITE).pk,
            name=body.name,
            description=body.description,
            type=AgentType(body.agent_type),
            endpoint=bodies.endpoint(body.endpoint),
            labels=label_rules.read(body.labels),
            capabilities=body.capabilities,
            metadata=body.metadata,
        )
        made = registration.create(new, actor=principal.actor, now=clock.now())
        answer = {**self.whole(made.agent), "token": made.token.text}
        where = f"{request.path}/{made.agent.pk}"
        return Response(answer, status=201, headers={"Location": where})


class OneAgentView(AgentView):
    """``GET PUT PATCH DELETE agents/{id}``."""

    @operation(
        needs=Permission.FLEET_READ,
        answers={200: answers.Agent},
    )
    def get(self, request: Request, agent_id: UUID) -> Response:
        """Show an agent."""
        row = agent(agent_id, principal_of(request))
        return conditions.tagged(self.whole(row), row, SETTINGS)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ReplacedAgent,
        answers={200: answers.Agent},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed),
    )
    def put(self, request: Request, agent_id: UUID) -> Response:
        """Replace what people say about an agent."""
        return self._changed(request, agent_id, conversion.convert(request.data, ReplacedAgent))

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ChangedAgent,
        answers={200: answers.Agent},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed),
    )
    def patch(self, request: Request, agent_id: UUID) -> Response:
        """Change some of what people say about an agent."""
        return self._changed(request, agent_id, conversion.convert(request.data, ChangedAgent))

    @operation(
        needs=Permission.FLEET_WRITE,
        answers={204: None},
        headers=IfMatch,
        refuses=(IllegalTransition, PreconditionFailed),
    )
    def delete(self, request: Request, agent_id: UUID) -> Response:
        """Let an agent go: its tokens end, its history stays."""
        principal = principal_of(request)
        agent(agent_id, principal, Permission.FLEET_WRITE)

        def let_go() -> Response:
            wishes.archive(agent_id, actor=principal.actor, now=clock.now())
            return Response(status=204)

        lock = partial(editing.locked, agent_id)
        return conditions.unless_changed(request, lock, SETTINGS, let_go)

    def _changed(
        self, request: Request, agent_id: UUID, body: ReplacedAgent | ChangedAgent
    ) -> Response:
        principal = principal_of(request)
        agent(agent_id, principal, Permission.FLEET_WRITE)
        changes = bodies.changes(body)

        def change() -> Response:
            row = editing.change(agent_id, changes, actor=principal.actor, now=clock.now())
            return conditions.tagged(self.whole(row), row, SETTINGS)

        lock = partial(editing.locked, agent_id)
        return conditions.unless_changed(request, lock, SETTINGS, change)


def agent(agent_id: UUID, principal: Principal, needs: Permission = Permission.FLEET_READ) -> Agent:
    """Return an agent with its project, for a call that needs this permission.

    Raises:
        NotFound: there is none, or not for this caller.
        Forbidden: the caller may see it, and no more.
    """
    rows = selectors.agents(principal).select_related("project")
    found = rows.filter(pk=agent_id).first()
    if found is None:
        raise NotFound(f"no agent {agent_id}")
    principal.require(needs, found.project_id)
    return found
