"""What an agent works on, over REST: whatever looks at tasks lives in this app."""

from uuid import UUID

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from executors import filters, selectors, shapes
from executors.api import answers
from k8s4r.api import paging
from k8s4r.api.answers import Page
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission


class AgentTasksView(View):
    """``GET agents/{id}/tasks``: tasks whose latest attempt is or was on this agent."""

    @operation(
        needs=Permission.TASKS_READ,
        query=filters.TaskQuery,
        answers={200: Page[answers.Task]},
    )
    def get(self, request: Request, agent_id: UUID) -> Response:
        """List an agent's tasks, the newest first."""
        principal = principal_of(request)
        agent = Agent.objects.filter(pk=agent_id).first()
        if agent is None or not principal.may(Permission.FLEET_READ, agent.project_id):
            raise NotFound(f"no agent {agent_id}")
        wanted = msgspec.structs.replace(filters.task_filter(request), agent_id=agent_id)
        page = paging.page_from(request, selectors.NEWEST_FIRST, filters.SORTS)
        rows = selectors.tasks(wanted, principal)
        found = selectors.records(paging.rows_of(page, rows))
        return paging.counted(request, paging.answer(request, page, found, shapes.task), rows)
