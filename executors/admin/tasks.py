"""How do operators find tasks, and what may they do to them?"""

import re
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from executors import selectors
from executors.admin import filters, task_decision, task_page
from executors.admin.filters import OwnerFilter, PoolFilter, ProjectFilter, StateFilter
from executors.admin.task_actions import TaskActions
from executors.core.lifecycle import TaskState
from executors.models import Task
from k8s4r.access.pages import may, within
from k8s4r.core.ids import beginning_range
from k8s4r.core.roles import Permission
from k8s4r.pages import (
    CappedPaginator,
    FactPages,
    ago,
    as_column,
    chip,
    now_of,
    span,
)

# Enough to name it on the command line.
_ID_SHOWN = 18
# What stands in keys and values; anything else is found in the text of a map, and is no label.
_OF_A_LABEL = re.compile(r"[A-Za-z0-9_./-]+")
RELATED = ("pool", "project", "owner", "agent", "requirement")


@admin.register(Task)
class TaskAdmin(FactPages[Task], TaskActions):
    """Tasks: looked at, found, acted on; never edited."""

    change_form_template = "executors/task.html"
    list_display = ("title", "status", "pool", "project", "owner", "agent", "age", "ran", "tries")
    list_display_links = ("title",)
    list_filter = (StateFilter, OwnerFilter, PoolFilter, ProjectFilter)
    list_select_related = RELATED
    list_per_page = 50
    search_fields = ("name",)
    search_help_text = "Name, label (key, value or key=value), beginning of an id"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_before_template = "executors/list_top.html"
    list_after_template = "console/list_twin.html"
    twin = ("k8s4r get tasks", "/api/v1/tasks")
    fields = ("name",)

    def has_view_permission(self, request: HttpRequest, obj: Task | None = None) -> bool:
        return may(request, Permission.TASKS_READ, obj.project_id if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Return this person's tasks; they carry the time of this request, for their ages."""
        own = within(request, Permission.TASKS_READ, super().get_queryset(request))
        rows = own.select_related(*RELATED, "parent")
        return rows.annotate(asked_at=as_column(now_of(request)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        """Search names and own labels; what looks like the beginning of an id is one."""
        term = search_term.strip().replace("\x00", "")
        bounds = beginning_range(term)
        if bounds:
            return queryset.filter(pk__range=bounds), False
        key, equals, value = term.partition("=")
        if equals:
            return selectors.labelled(queryset, {key: value}), False
        found = Q(name__icontains=term)
        if _OF_A_LABEL.fullmatch(term):
            queryset = queryset.alias(label_text=Cast("labels", TextField()))
            found |= Q(label_text__icontains=term)
        return (queryset.filter(found) if term else queryset), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List tasks, with a chip for each state that keeps the other filters."""
        context = {
            "state_chips": filters.state_chips(request),
            "query": request.GET.urlencode(),
            "may_act": self.has_act_permission(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_facts(self, request: HttpRequest, row: Task) -> dict[str, Any]:
        """Return of one task: state, reasons, attempts, history and log."""
        chosen = request.GET.get("attempt", "")
        return {
            **task_page.facts(row, attempt=chosen, now=now_of(request)),
            "may_act": self.has_act_permission(request, row),
            "may_decide": task_decision.is_open_to(request, row),
        }

    @admin.display(description="task", ordering="name")
    def title(self, task: Task) -> SafeString:
        return format_html(
            '<span class="k-title">{}</span><br><span class="k-id" title="{}">{}</span>',
            Truncator(task_page.title(task)).chars(48),
            task.pk,
            str(task.pk)[:_ID_SHOWN],
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
        elif task.state == TaskState.APPLY_PENDING:
            why = "a decision is due"
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
