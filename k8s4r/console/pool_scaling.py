"""The page of a pool's pods: where they are, how many, how long, and what they look like."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from k8s4r.access.pages import may, principal_of
from k8s4r.access.principals import refusal
from k8s4r.api import conditions
from k8s4r.console import scaling_form
from k8s4r.core import conversion
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import ModelAdmin, now_of
from pools import selectors
from pools.api import bodies
from pools.api.bodies import ChangedPool
from pools.core.pods import PodMode
from pools.models import K8sConfig, Pool
from pools.services import podding, pools

_SETTINGS: Final = ("k8s_config_id", *podding.COLUMNS[1:])
_MODES: Final = {
    PodMode.SLOTS: "three slots each, kept for the next task",
    PodMode.TASK: "one for each task, gone with it",
}
_MOST_CONFIGS: Final = 200


class ScalingPages(ModelAdmin[Any]):
    """Adds to the pages of a pool the one about its pods."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pods = path("<uuid:object_id>/pods/", wrap(self.scaling_view), name="pool_scaling")
        return [pods, *super().get_urls()]

    def scaling_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the form; change what it says."""
        pool: Pool = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not may(request, Permission.FLEET_WRITE, pool.project_id):
            raise PermissionDenied(refusal(Permission.FLEET_WRITE).message)
        if request.method != "POST":
            return self._scaling(request, pool)
        try:
            _change(request, pool)
        except DomainError as error:
            return self._scaling(request, pool, error)
        self.message_user(request, f"Changed: pods of {pool.name}", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:pools_pool_change", args=[pool.pk]))

    def _scaling(
        self, request: HttpRequest, pool: Pool, refused: DomainError | None = None
    ) -> HttpResponse:
        values = scaling_form.typed(request.POST) if refused else scaling_form.stored(pool)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Pods of {pool.name}",
            "pool": pool,
            "page": reverse("admin:pools_pool_change", args=[pool.pk]),
            "version": conditions.version(pool, _SETTINGS),
            "configs": _configs(request, pool),
            "modes": _MODES.items(),
            "said": values,
            "numbers": scaling_form.numbers(values, refused),
            "problems": scaling_form.others(refused),
            "wrong": {
                name: scaling_form.problems(refused, name)
                for name in ("config", "mode", "pod_template")
            },
            "cli": f"k8s4r describe pool {pool.name}",
            "json": f"/api/v1/agent-pools/{pool.pk}",
        }
        status = refused.status if refused else 200
        return TemplateResponse(request, "console/scaling.html", context, status=status)


def _change(request: HttpRequest, pool: Pool) -> None:
    principal, now = principal_of(request), now_of(request)
    body = conversion.convert(scaling_form.said(request.POST), ChangedPool)
    columns = bodies.columns(body, principal, now=now)
    conditions.while_version(
        request.POST.get("version", ""),
        partial(pools.locked, pool.pk, principal),
        _SETTINGS,
        partial(pools.change, pool.pk, columns, principal=principal, now=now),
    )


def _configs(request: HttpRequest, pool: Pool) -> list[K8sConfig]:
    rows = selectors.configs(principal_of(request)).filter(project_id=pool.project_id)
    return list(rows[:_MOST_CONFIGS])
