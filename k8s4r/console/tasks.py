"""The list of tasks with the filters that a person has kept."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from executors.admin import TaskAdmin
from k8s4r.access.models import User
from k8s4r.console import saved_filters
from k8s4r.core.errors import DomainError
from k8s4r.pages import now_of


class TaskPages(TaskAdmin):
    """Tasks, and for each person what they look for again and again."""

    list_before_template = "console/tasks_top.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        keep, forget = require_POST(self.keep_view), require_POST(self.forget_view)
        return [
            path("filters/", wrap(keep), name="filter_keep"),
            path("filters/<uuid:filter_id>/forget/", wrap(forget), name="filter_forget"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List tasks; above them what this person has kept."""
        asked = saved_filters.filters_in(request.GET.urlencode())
        kept = [(row, row.query == asked) for row in saved_filters.of(_person(request))]
        context = {"saved": kept, "may_save": bool(asked), "longest": saved_filters.LONGEST_NAME}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def keep_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the filters of the address under a name."""
        name, query = request.POST.get("name", ""), request.POST.get("query", "")
        try:
            row = saved_filters.keep(_person(request), name, query, now=now_of(request))
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.message_user(request, f"Saved: {row.name}", messages.SUCCESS)
        return _list(query)

    def forget_view(self, request: HttpRequest, filter_id: UUID) -> HttpResponse:
        """Delete one that this person has kept."""
        try:
            name = saved_filters.forget(_person(request), filter_id)
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
        else:
            self.message_user(request, f"Deleted the saved filter {name}", messages.SUCCESS)
        return _list(request.POST.get("query", ""))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "pages are for people who are signed in"
    return request.user


def _list(query: str) -> HttpResponse:
    listed = reverse("admin:executors_task_changelist")
    return HttpResponseRedirect(f"{listed}?{saved_filters.filters_in(query)}")
