"""Projects: their list, the page of one with its members, and sharing it with somebody."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from k8s4r.access import selectors as access
from k8s4r.access.admin import ProjectAdmin
from k8s4r.access.models import Project, User
from k8s4r.access.pages import may, principal_of
from k8s4r.access.principals import refusal
from k8s4r.access.services import members, projects
from k8s4r.console import events, project_page
from k8s4r.console.histories import HistoryPages
from k8s4r.core.errors import DomainError, FieldProblem, Invalid
from k8s4r.core.roles import Permission, Role
from k8s4r.pages import FactPages, actor_of, now_of

_LONGEST_NAME = 150


class ProjectPages(FactPages[Project], HistoryPages, ProjectAdmin):
    """Projects that the person may read; who is what in them."""

    kind = "project"
    change_form_template = "console/project.html"
    list_after_template = "console/list_twin.html"
    twin = ("k8s4r get projects", "/api/v1/projects")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        return access.projects(principal_of(request))

    def get_urls(self) -> list[URLPattern]:
        wrap, one = self.admin_site.admin_view, "<uuid:object_id>/"
        return [
            path(one + "share/", wrap(require_POST(self.share_view)), name="project_share"),
            path(one + "unshare/", wrap(require_POST(self.unshare_view)), name="project_unshare"),
            *super().get_urls(),
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return may(request, Permission.PROJECT_READ, obj.pk if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return may(request, Permission.PROJECT_WRITE, obj.pk if obj else None)

    def save_model(
        self, request: HttpRequest, obj: Project, form: "ModelForm[Project]", change: bool
    ) -> None:
        """Change what was changed in the form, by the service."""
        changes: dict[str, Any] = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            projects.change(obj.pk, changes, actor=actor_of(request))

    def page_facts(self, request: HttpRequest, row: Project) -> dict[str, Any]:
        """Return of one project: its members, its places, who changed it."""
        return {
            **project_page.facts(request, row),
            "history": events.link(request, row.pk, row.pk),
        }

    def share_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Give a person a role beside those they have, or instead of them."""
        project = self._project(request, object_id)
        give = members.replace if request.POST.get("instead") == "yes" else members.give
        name = request.POST.get("user", "").strip()[:_LONGEST_NAME]

        def share() -> str:
            role = _role(request.POST.get("role", ""))
            user = give(project, name, [role], by=principal_of(request), now=now_of(request))
            return f"{user.username} is now {role} in {project.name}{_hint(user)}"

        return self._done(request, project, share)

    def unshare_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Take one role from a person, or without a role all that they have here."""
        project = self._project(request, object_id)
        name = request.POST.get("user", "").strip()[:_LONGEST_NAME]

        def unshare() -> str:
            asked = request.POST.get("role", "")
            roles = [_role(asked)] if asked else []
            members.take(project, name, roles, by=principal_of(request))
            return f"{name} is no longer {asked or 'anything'} in {project.name}"

        return self._done(request, project, unshare)

    def _done(
        self, request: HttpRequest, project: Project, work: Callable[[], str]
    ) -> HttpResponse:
        """Do it and say so; what was refused stands in the form again."""
        page, query = reverse("admin:access_project_change", args=[project.pk]), ""
        try:
            self.message_user(request, work(), messages.SUCCESS)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            said = {name: request.POST.get(name, "")[:_LONGEST_NAME] for name in ("user", "role")}
            query = f"?{urlencode(said)}"
        return HttpResponseRedirect(f"{page}{query}")

    def _project(self, request: HttpRequest, object_id: UUID) -> Project:
        """Return a project in which this person may give roles."""
        project: Project = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not may(request, Permission.MEMBERS_WRITE, project.pk):
            raise PermissionDenied(refusal(Permission.MEMBERS_WRITE).message)
        return project


def _role(text: str) -> Role:
    """Return the role of this name.

    Raises:
        Invalid: there is none; names those there are.
    """
    if text not in set(Role):
        detail = f"role: {text[:40]!r} is none; the roles are {', '.join(Role)}"
        raise Invalid(detail, errors=[FieldProblem("/role", "enum", detail)])
    return Role(text)


def _hint(user: User) -> str:
    """Return what is still missing for a person who is to use these pages."""
    if user.is_staff and user.is_active:
        return ""
    return (
        "; these pages let them in once an administrator has marked them as staff,"
        " the command line and the API do already"
    )
