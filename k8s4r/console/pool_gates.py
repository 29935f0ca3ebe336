"""The page of a pool's pause, maintenance windows and sharing."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from k8s4r.access import selectors as access
from k8s4r.access.models import Project
from k8s4r.access.pages import may, principal_of
from k8s4r.access.principals import refusal
from k8s4r.api import conditions
from k8s4r.console import gate_form
from k8s4r.core import conversion
from k8s4r.core.errors import DomainError, FieldProblem
from k8s4r.core.roles import Permission
from k8s4r.pages import ModelAdmin, ago, now_of
from pools import selectors
from pools.api import bodies
from pools.api.bodies import ChangedPool
from pools.models import Pool
from pools.services import pools

_MOST_PROJECTS: Final = 500
# What each part of the page has shown, and therefore may write.
_PARTS: Final = {
    "pause": ("paused", "paused_reason", "paused_until"),
    "windows": ("windows", "open_until"),
    "sharing": ("shared_with", "weights"),
}


class GatePages(ModelAdmin[Any]):
    """Adds to the pages of a pool the one that says when it starts work, and for whom."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        gate = path("<uuid:object_id>/gate/", wrap(self.gate_view), name="pool_gate")
        return [gate, *super().get_urls()]

    def gate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the three forms; change what one of them says."""
        pool: Pool = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not may(request, Permission.FLEET_WRITE, pool.project_id):
            raise PermissionDenied(refusal(Permission.FLEET_WRITE).message)
        part = request.POST.get("part", "")
        if request.method != "POST" or part not in _PARTS:
            return self._shown(request, pool)
        try:
            self._change(request, pool, part)
        except DomainError as error:
            return self._shown(request, pool, part, error)
        self.message_user(request, f"Changed: {part} of {pool.name}", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:pools_pool_change", args=[pool.pk]))

    def gate_facts(self, request: HttpRequest, pool: Pool) -> dict[str, Any]:
        """Return what the pool's own page says about this one."""
        now = now_of(request)
        return {
            "may_change": may(request, Permission.FLEET_WRITE, pool.project_id),
            "holds": [
                {"row": one, "since": ago(one.since, now)}
                for one in selectors.barriers(pool, now=now)
            ],
            "windows": pool.windows,
            "open_until": pool.open_until if pool.open_until and pool.open_until > now else None,
            "shared": len(pool.shared_with),
        }

    def _change(self, request: HttpRequest, pool: Pool, part: str) -> None:
        principal, now = principal_of(request), now_of(request)
        said = _read(request.POST, part, _projects(request), pool)
        columns = bodies.columns(conversion.convert(said, ChangedPool), principal, now=now)
        if part == "sharing":
            _keep_unseen(columns, pool, _projects(request))
        conditions.while_version(
            request.POST.get("version", ""),
            partial(pools.locked, pool.pk, principal),
            _PARTS[part],
            partial(pools.change, pool.pk, columns, principal=principal, now=now),
        )

    def _shown(
        self,
        request: HttpRequest,
        pool: Pool,
        part: str = "",
        refused: DomainError | None = None,
    ) -> HttpResponse:
        problems = refused.errors if refused else ()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Pause, windows and sharing of {pool.name}",
            "pool": pool,
            "page": reverse("admin:pools_pool_change", args=[pool.pk]),
            "refused": {part: _sentences(refused)} if refused else {},
            "versions": {
                name: conditions.version(pool, columns) for name, columns in _PARTS.items()
            },
            **_filled(request, pool, part, problems),
            "cli": f"k8s4r explain pool {pool.name}",
            "json": f"/api/v1/agent-pools/{pool.pk}",
        }
        status = refused.status if refused else 200
        return TemplateResponse(request, "console/gate.html", context, status=status)


def _projects(request: HttpRequest) -> QuerySet[Project]:
    return access.projects(principal_of(request))[:_MOST_PROJECTS]


def _read(said: QueryDict, part: str, projects: QuerySet[Project], pool: Pool) -> dict[str, Any]:
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        "pause": lambda: gate_form.pause(said),
        "windows": lambda: gate_form.windows(said),
        "sharing": lambda: gate_form.sharing(said, projects, pool),
    }
    return readers[part]()


def _filled(
    request: HttpRequest, pool: Pool, part: str, problems: Sequence[FieldProblem]
) -> dict[str, Any]:
    """Return what stands in the fields: what was typed where that was refused, else what is."""
    projects = list(_projects(request))
    said = _read(request.POST, part, _projects(request), pool) if part else {}
    pause = {name: said.get(name, getattr(pool, name)) for name in _PARTS["pause"]}
    typed = part == "windows"
    return {
        "pause": pause,
        "open_until": request.POST.get("open_until") if typed else pool.open_until,
        "windows": gate_form.window_rows(said["windows"] if typed else pool.windows, problems),
        "shares": _shares(pool, projects, said, problems),
    }


def _shares(
    pool: Pool, projects: list[Project], said: dict[str, Any], problems: Sequence[FieldProblem]
) -> list[gate_form.ShareRow]:
    if "shared_with" not in said:
        return gate_form.share_rows(pool, projects)
    by_name = {one.name: str(one.pk) for one in projects}
    shown = Pool(pk=pool.pk, project_id=pool.project_id)
    shown.shared_with = [by_name[name] for name in said["shared_with"]]
    shown.weights = {by_name[name]: weight for name, weight in said["weights"].items()}
    return gate_form.share_rows(shown, projects, problems)


def _keep_unseen(columns: dict[str, Any], pool: Pool, projects: QuerySet[Project]) -> None:
    """Keep what the pool shares with projects that this person cannot see."""
    seen = {str(one.pk) for one in projects}
    unseen = [one for one in pool.shared_with if one not in seen]
    columns["shared_with"] = sorted({*columns["shared_with"], *unseen})
    kept = {one: weight for one, weight in pool.weights.items() if one not in seen}
    columns["weights"] = {**kept, **columns["weights"]}


def _sentences(refused: DomainError) -> list[str]:
    return [f"{one.pointer}: {one.detail}" for one in refused.errors] or [refused.message]
