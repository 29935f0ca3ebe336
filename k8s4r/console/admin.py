"""Which pages mix what several apps know? Agents with their work, pools with their queues."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from agents.admin import AgentAdmin
from agents.core.states import Desired
from agents.models import Agent
from executors.core.lifecycle import ATTEMPT_CURRENT, TaskState
from executors.models import Attempt, Task
from k8s4r.console import agent_page
from k8s4r.pages import now_of
from pools.admin import PoolAdmin
from pools.models import Pool

CURRENT = sorted(ATTEMPT_CURRENT)
admin.site.index_template = "console/home.html"
admin.site.index_title = "Overview"
admin.site.unregister([Agent, Pool])


def _counted(rows: QuerySet[Any], by: str) -> Coalesce:
    """Return how many of these rows there are, as a column; nothing is 0."""
    numbers = rows.order_by().values(by).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(numbers), 0)


@admin.register(Agent)
class AgentPages(AgentAdmin):
    """Agents with what they run."""

    change_form_template = "console/agent.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Add how many slots are in use."""
        current = Attempt.objects.filter(agent=OuterRef("pk"), state__in=CURRENT)
        return super().get_queryset(request).annotate(slots_used=_counted(current, "agent"))

    def get_urls(self) -> list[URLPattern]:
        steer = self.admin_site.admin_view(require_POST(self.steer_view))
        return [path("<uuid:agent_id>/steer/", steer, name="agent_steer"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one agent: state, slots with what is on them, session, last tasks."""
        agent = self.get_object(request, object_id)
        if agent is None or not self.has_view_permission(request):
            return super().change_view(request, object_id, form_url, extra_context)
        facts = agent_page.facts(agent, now=now_of(request))
        context = {**(extra_context or {}), **facts, "may_act": self.has_steer_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def steer_view(self, request: HttpRequest, agent_id: Any) -> HttpResponse:
        """Ask one thing of this agent."""
        if not self.has_steer_permission(request):
            raise PermissionDenied
        chosen = Agent.objects.filter(pk=agent_id)
        asked = request.POST.get("ask", "")
        if asked == "approve":
            self.approve_selected(request, chosen)
        elif asked in set(Desired) - {Desired.REVOKED}:
            self.ask(request, chosen, Desired(asked))
        return HttpResponseRedirect(reverse("admin:agents_agent_change", args=[agent_id]))

    @admin.display(description="slots in use")
    def slots(self, agent: Agent) -> str:
        used, total = agent.slots_used, agent.slots_total  # type: ignore[attr-defined]
        return f"{used} of {total or 0}"


@admin.register(Pool)
class PoolPages(PoolAdmin):
    """Pools with what waits and runs in them."""

    list_display = (
        "name", "project", "status", "waiting", "running", "type", "strategy",
        "max_concurrent", "max_per_owner",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        """Add how much waits and runs."""
        tasks = Task.objects.filter(pool=OuterRef("pk"))
        held = [TaskState.DISPATCHING, TaskState.RUNNING]
        return (
            super()
            .get_queryset(request)
            .annotate(
                tasks_waiting=_counted(tasks.filter(state=TaskState.PENDING), "pool"),
                tasks_running=_counted(tasks.filter(state__in=held), "pool"),
            )
        )

    @admin.display(description="waiting", ordering="tasks_waiting")
    def waiting(self, pool: Pool) -> SafeString:
        return _tasks_link(pool, "pending", pool.tasks_waiting)  # type: ignore[attr-defined]

    @admin.display(description="running", ordering="tasks_running")
    def running(self, pool: Pool) -> SafeString:
        return _tasks_link(pool, "running", pool.tasks_running)  # type: ignore[attr-defined]


def _tasks_link(pool: Pool, state: str, count: int) -> SafeString:
    listed = reverse("admin:executors_task_changelist")
    return format_html(
        '<a href="{}?pool__id__exact={}&state={}">{}</a>', listed, pool.pk, state, count
    )
