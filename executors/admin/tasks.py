"""How do operators find tasks, and what may they do to them?"""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.views.decorators.http import require_GET, require_POST

from executors.admin import task_log, task_page
from executors.admin.filters import StateFilter
from executors.core.lifecycle import TaskState
from executors.models import Task
from executors.services import cancellation, resolution
from executors.services.resolution import Resolution
from k8s4r.core.errors import DomainError
from k8s4r.core.ids import beginning_range
from k8s4r.pages import (
    CappedPaginator,
    ReadOnlyAdmin,
    actor_of,
    ago,
    as_column,
    chip,
    now_of,
    span,
    tell,
)

RELATED = ("pool", "project", "owner", "agent", "requirement")


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin[Task]):
    """Tasks: looked at, cancelled, resolved; never edited."""

    change_form_template = "executors/task.html"
    list_display = ("title", "status", "pool", "project", "owner", "agent", "age", "ran", "tries")
    list_display_links = ("title",)
    list_filter = (StateFilter, "pool", "project")
    list_select_related = RELATED
    list_per_page = 50
    search_fields = ("name",)
    search_help_text = "A name, or the beginning of an id"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    actions = ("cancel_selected",)
    fields = ("name",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """May this person cancel and resolve tasks?"""
        return request.user.has_perm("executors.change_task")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:task_id>/log/", wrap(require_GET(self.log_view)), name="task_log"),
            path(
                "<uuid:task_id>/cancel/", wrap(require_POST(self.cancel_view)), name="task_cancel"
            ),
            path(
                "<uuid:task_id>/resolve/",
                wrap(require_POST(self.resolve_view)),
                name="task_resolve",
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Return tasks that carry the time of this request, for their ages."""
        rows = super().get_queryset(request).select_related(*RELATED, "parent")
        return rows.annotate(asked_at=as_column(now_of(request)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        """Search names; what looks like the beginning of an id is one."""
        bounds = beginning_range(search_term.strip())
        if bounds:
            return queryset.filter(pk__range=bounds), False
        return super().get_search_results(request, queryset, search_term)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one task: state, reasons, attempts, history and log."""
        task = self.get_object(request, object_id)
        if task is None or not self.has_view_permission(request):
            return super().change_view(request, object_id, form_url, extra_context)
        facts = task_page.facts(task, attempt=request.GET.get("attempt", ""), now=now_of(request))
        context = {**(extra_context or {}), **facts, "may_act": self.has_cancel_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def log_view(self, request: HttpRequest, task_id: UUID) -> JsonResponse:
        """Return the end of the log as text, for the page that is looked at."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(task_log.as_object(task_id, request.GET.get("attempt", "")))

    def cancel_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """Cancel this task."""
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        self._cancel(request, [task_id])
        return _back_to(task_id)

    def resolve_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        """End an unknown task as a person says."""
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        try:
            resolution.resolve(
                task_id,
                Resolution(request.POST.get("outcome", "")),
                request.POST.get("reason", "")[:4096],
                actor=actor_of(request),
                now=now_of(request),
            )
        except (DomainError, ValueError) as error:
            self.message_user(request, str(error), messages.WARNING)
        return _back_to(task_id)

    @admin.action(description="Cancel selected tasks", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Cancel what can be cancelled and name what could not."""
        self._cancel(request, list(queryset.values_list("pk", flat=True)))

    def _cancel(self, request: HttpRequest, task_ids: list[UUID]) -> None:
        """Cancel one by one: a refusal undoes nothing else."""
        refused: dict[str, DomainError] = {}
        for task_id in task_ids:
            outcome = cancellation.cancel([task_id], actor=actor_of(request), now=now_of(request))
            refusal = outcome[task_id].refusal
            if refusal:
                refused[f"task {task_id}"] = refusal
        tell(self, request, "Cancelled", count=len(task_ids) - len(refused), refused=refused)

    @admin.display(description="task", ordering="name")
    def title(self, task: Task) -> SafeString:
        return format_html(
            '<span class="k-title">{}</span><br><span class="k-id">{}</span>',
            Truncator(task_page.title(task)).chars(48),
            task.pk,
        )

    @admin.display(description="state", ordering="state")
    def status(self, task: Task) -> SafeString:
        """Show the state; below it why it waits, or why it ended."""
        waiting = task.requirement.waiting_code if task.state == TaskState.PENDING else ""
        why = "retry_backoff" if waiting and task.run_after else waiting or task.reason
        if why == "exit_code":
            why = f"exit code {task.exit_code}"
        elif why == "signal":
            why = f"signal {task.signal}"
        words = "" if why == task.state else why.replace("_", " ")
        return format_html('{} <span class="k-why">{}</span>', chip(task.state), words)

    @admin.display(description="age", ordering="submitted_at")
    def age(self, task: Task) -> SafeString | str:
        return ago(task.submitted_at, _asked_at(task))

    @admin.display(description="ran")
    def ran(self, task: Task) -> str:
        if task.started_at is None or task.state == TaskState.PENDING:
            return "-"
        return span(((task.ended_at or _asked_at(task)) - task.started_at).total_seconds())

    @admin.display(description="tries", ordering="attempts_made")
    def tries(self, task: Task) -> int:
        return task.attempts_made


def _asked_at(row: Model) -> Any:
    """Return the time of the request, which the row carries."""
    return row.asked_at  # type: ignore[attr-defined]


def _back_to(task_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:executors_task_change", args=[task_id]))
