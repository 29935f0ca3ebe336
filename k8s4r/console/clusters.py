"""K8s configs: their list, the page of one, connecting a cluster and trying it."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from k8s4r.access.pages import may, principal_of
from k8s4r.access.principals import refusal
from k8s4r.console import cluster_form, cluster_page, events
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import FactPages, ReadOnlyAdmin, ago, as_column, now_of
from pools import selectors
from pools.api import reaching
from pools.models import K8sConfig, Reach
from pools.services import configs


class ConfigPages(FactPages[K8sConfig], ReadOnlyAdmin[K8sConfig]):
    """Ways into clusters, with what the last look at each told."""

    list_display = (
        "name", "status", "default", "server", "namespace", "expires", "project", "checked",
    )  # fmt: skip
    list_display_links = ("name",)
    search_fields = ("name", "server")
    change_form_template = "console/cluster.html"
    list_before_template = "console/clusters_top.html"
    list_after_template = "console/list_twin.html"
    twin = ("k8s4r get k8s-configs", "/api/v1/k8s-configs")
    fields: ClassVar = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[K8sConfig]:
        """Return configs of this person's projects, how they are, and the time of this request."""
        reach = Reach.objects.filter(config=OuterRef("pk"))
        return selectors.configs(principal_of(request)).annotate(
            asked_at=as_column(now_of(request)),
            healthy=Subquery(reach.values("healthy")[:1]),
            checked_at=Subquery(reach.values("checked_at")[:1]),
        )

    def get_urls(self) -> list[URLPattern]:
        wrap, one = self.admin_site.admin_view, "<uuid:config_id>/"
        return [
            path("connect/", wrap(self.connect_view), name="cluster_connect"),
            path(one + "test/", wrap(require_POST(self.test_view)), name="cluster_test"),
            path(one + "default/", wrap(require_POST(self.default_view)), name="cluster_default"),
            *super().get_urls(),
        ]

    def has_view_permission(self, request: HttpRequest, obj: K8sConfig | None = None) -> bool:
        """May this person read configs? Which of them they see, the rows themselves say."""
        return may(request, Permission.FLEET_READ)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List them; who may connect a cluster finds the button."""
        projects = cluster_form.projects(request)
        return super().changelist_view(
            request, {**(extra_context or {}), "may_connect": bool(projects)}
        )

    def page_facts(self, request: HttpRequest, row: K8sConfig) -> dict[str, Any]:
        """Return of one config: its cluster's health, its pods' look, the pools that use it."""
        return {
            **cluster_page.facts(row, now=now_of(request)),
            "history": events.link(request, row.pk, row.project_id),
            "may_act": may(request, Permission.FLEET_WRITE, row.project_id),
        }

    def connect_view(self, request: HttpRequest) -> HttpResponse:
        """Ask how a cluster is reached; then keep it and look at it."""
        projects = cluster_form.projects(request)
        if not projects:
            raise PermissionDenied(refusal(Permission.FLEET_WRITE).message)
        said, problems = cluster_form.said(request), []
        if request.method == "POST":
            try:
                row = cluster_form.connect(said, request)
            except DomainError as error:
                problems = cluster_form.problems(error)
            else:
                return self._tested(request, row)
        context = {
            **self.admin_site.each_context(request),
            "title": "Connect a cluster",
            "projects": projects,
            "said": cluster_form.repeated(said),
            "problems": problems,
        }
        status = 422 if problems else 200
        return TemplateResponse(request, "console/cluster_connect.html", context, status=status)

    def test_view(self, request: HttpRequest, config_id: UUID) -> HttpResponse:
        """Look at the cluster now."""
        return self._tested(request, self._own(request, config_id))

    def default_view(self, request: HttpRequest, config_id: UUID) -> HttpResponse:
        """Make it the default of its project."""
        row = self._own(request, config_id)

        def make() -> str:
            configs.set_default(row.pk, principal=principal_of(request), now=now_of(request))
            return f"{row.name} is the default of {row.project.name} now"

        return self._done(request, row, make)

    def _tested(self, request: HttpRequest, row: K8sConfig) -> HttpResponse:
        report = reaching.test(row, now=now_of(request))
        told = "all is well" if report.healthy else report.failure
        level = messages.SUCCESS if report.healthy else messages.WARNING
        self.message_user(request, f"{row.name}: {told}", level)
        return HttpResponseRedirect(_page(row))

    def _done(self, request: HttpRequest, row: K8sConfig, work: Callable[[], str]) -> HttpResponse:
        try:
            self.message_user(request, work(), messages.SUCCESS)
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
        return HttpResponseRedirect(_page(row))

    def _own(self, request: HttpRequest, config_id: UUID) -> K8sConfig:
        """Return a config that this person may act on."""
        row: K8sConfig = get_object_or_404(self.get_queryset(request), pk=config_id)
        if not may(request, Permission.FLEET_WRITE, row.project_id):
            raise PermissionDenied(refusal(Permission.FLEET_WRITE).message)
        return row

    @admin.display(description="state")
    def status(self, row: K8sConfig) -> SafeString:
        return cluster_page.health_chip(row, row.healthy)  # type: ignore[attr-defined]

    @admin.display(description="default")
    def default(self, row: K8sConfig) -> str:
        return "yes" if row.is_default else ""

    @admin.display(description="good until")
    def expires(self, row: K8sConfig) -> str:
        return cluster_page.until(row)

    @admin.display(description="looked at")
    def checked(self, row: K8sConfig) -> SafeString | str:
        moment, now = row.checked_at, row.asked_at  # type: ignore[attr-defined]
        return ago(moment, now) if moment else "never"


def _page(row: K8sConfig) -> str:
    return reverse("admin:pools_k8sconfig_change", args=[row.pk])
