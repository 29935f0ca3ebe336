"""How do operators see agents, and what may they ask of them?"""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.core.states import Desired, Observed
from agents.models import Agent, Session, Slot
from agents.services import wishes
from agents.services.wishes import Said
from k8s4r.access.pages import may, principal_of, within
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import ReadOnlyAdmin, actor_of, ago, as_column, chip, now_of, tell


class DesiredFilter(admin.SimpleListFilter):
    """What people want of an agent."""

    title = "wanted"
    parameter_name = "desired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in Desired]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> QuerySet[Agent]:
        return queryset.filter(desired=self.value()) if self.value() else queryset


class ObservedFilter(admin.SimpleListFilter):
    """What an agent is."""

    title = "state"
    parameter_name = "observed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in Observed]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> QuerySet[Agent]:
        return queryset.filter(observed=self.value()) if self.value() else queryset


class ArchivedFilter(admin.SimpleListFilter):
    """Agents that were let go are only shown when asked for."""

    title = "archived"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Agent]) -> QuerySet[Agent]:
        return queryset.filter(archived_at__isnull=self.value() != "yes")


class AgentAdmin(ReadOnlyAdmin[Agent]):
    """Agents: looked at, paused, drained, resumed, approved; `console` adds what they run."""

    list_display = (
        "name", "state", "wish", "project", "type", "slots", "seen", "version", "label_text",
    )  # fmt: skip
    list_display_links = ("name",)
    list_filter = (ObservedFilter, DesiredFilter, "type", ArchivedFilter)
    list_select_related = ("project",)
    search_fields = ("name", "description")
    list_per_page = 100
    actions = ("approve_selected", "pause_selected", "drain_selected", "resume_selected")
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Return agents with what their open session says, and the time of this request."""
        session = Session.objects.filter(agent=OuterRef("pk"), ended_at=None)
        newest = Session.objects.filter(agent=OuterRef("pk")).order_by("-last_heartbeat_at")
        slots = Slot.objects.filter(agent=OuterRef("pk"), retired_at=None).order_by()
        counted = slots.values("agent").annotate(number=Count("pk")).values("number")
        return within(request, Permission.FLEET_READ, super().get_queryset(request)).annotate(
            asked_at=as_column(now_of(request)),
            seen_at=Subquery(newest.values("last_heartbeat_at")[:1]),
            session_version=Subquery(session.values("version")[:1]),
            slots_total=Subquery(counted),
        )

    def has_view_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        return may(request, Permission.FLEET_READ, obj.project_id if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_steer_permission(self, request: HttpRequest, agent: Agent | None = None) -> bool:
        """May this person ask things of this agent; without one, of any?"""
        return may(request, Permission.FLEET_WRITE, agent.project_id if agent else None)

    @admin.action(description="Approve selected agents", permissions=["steer"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Let agents work that enrolled themselves."""
        refused: dict[str, DomainError] = {}
        waiting = list(queryset.filter(observed=Observed.PENDING))
        for agent in waiting:
            try:
                principal_of(request).require(Permission.FLEET_WRITE, agent.project_id)
                wishes.approve(agent.pk, actor=actor_of(request), now=now_of(request))
            except DomainError as error:
                refused[agent.name] = error
        tell(self, request, "Approved", count=len(waiting) - len(refused), refused=refused)

    @admin.action(description="Pause: no new work", permissions=["steer"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Give agents no new work until they are resumed."""
        self.ask(request, queryset, Desired.PAUSED)

    @admin.action(description="Drain: finish what runs, then nothing", permissions=["steer"])
    def drain_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Let agents finish what they have; this never ends by itself."""
        self.ask(request, queryset, Desired.DRAINING)

    @admin.action(description="Resume: may get work again", permissions=["steer"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Let agents get work again."""
        self.ask(request, queryset, Desired.ACTIVE)

    def ask(
        self, request: HttpRequest, queryset: QuerySet[Agent], desired: Desired, *, note: str = ""
    ) -> None:
        """Ask one thing of agents, one by one: a refusal undoes nothing else."""
        said = Said(note=note, by=request.user.get_username())
        refused: dict[str, DomainError] = {}
        chosen = list(queryset.values_list("pk", "name", "project_id"))
        for agent_id, name, project_id in chosen:
            try:
                principal_of(request).require(Permission.FLEET_WRITE, project_id)
                wishes.set_desired(
                    agent_id, desired, actor=actor_of(request), now=now_of(request), said=said
                )
            except DomainError as error:
                refused[name] = error
        done = f"Now {desired}"
        tell(self, request, done, count=len(chosen) - len(refused), refused=refused)

    @admin.display(description="state", ordering="observed")
    def state(self, agent: Agent) -> SafeString:
        return chip(agent.observed, note=agent.observed_reason)

    @admin.display(description="wanted", ordering="desired")
    def wish(self, agent: Agent) -> SafeString:
        return chip(agent.desired)

    @admin.display(description="slots")
    def slots(self, agent: Agent) -> str:
        return str(agent.slots_total or 0)  # type: ignore[attr-defined]

    @admin.display(description="last heard", ordering="seen_at")
    def seen(self, agent: Agent) -> SafeString | str:
        return ago(agent.seen_at, agent.asked_at)  # type: ignore[attr-defined]

    @admin.display(description="version")
    def version(self, agent: Agent) -> str:
        return agent.session_version or "-"  # type: ignore[attr-defined]

    @admin.display(description="labels")
    def label_text(self, agent: Agent) -> str:
        return ", ".join(f"{key}={value}" for key, value in sorted(agent.labels.items())) or "-"


admin.site.register(Agent, AgentAdmin)
