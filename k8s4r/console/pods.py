"""Pods: their list, the page of one, and letting one go there."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.models import Slot
from executors import pods
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from executors.services import pod_drains
from k8s4r.access.pages import may, principal_of, within
from k8s4r.access.principals import refusal
from k8s4r.console import events, pod_page
from k8s4r.console.counting import counted
from k8s4r.core.errors import DomainError
from k8s4r.core.ids import as_uuid
from k8s4r.core.roles import Permission
from k8s4r.pages import FactPages, ReadOnlyAdmin, ago, as_column, chip, now_of
from pools.core.pods import PodFailure, PodState
from pools.models import Pod, Pool

LONGEST_NOTE = 4096
_MOST_POOLS = 200
_EVERY = "all"


class StateFilter(admin.SimpleListFilter):
    """One state; those that are gone are only shown when asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [*((state.value, state.value) for state in PodState), (_EVERY, "gone ones too")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Pod]) -> QuerySet[Pod]:
        chosen = self.value()
        if chosen == _EVERY:
            return queryset
        return queryset.filter(state=chosen) if chosen else queryset.exclude(state=PodState.GONE)


class FailureFilter(admin.SimpleListFilter):
    """Why it does not work."""

    title = "failure"
    parameter_name = "failure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(code.value, code.value.replace("_", " ")) for code in PodFailure if code]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Pod]) -> QuerySet[Pod]:
        return queryset.filter(failure=self.value()) if self.value() else queryset


class PoolFilter(admin.SimpleListFilter):
    """Pods of one pool; the choices are this person's pools that have pods."""

    title = "pool"
    parameter_name = "pool"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = Pool.objects.filter(archived_at=None, k8s_config__isnull=False).order_by("name")
        seen = within(request, Permission.FLEET_READ, rows)
        return [(str(pk), name) for pk, name in seen.values_list("pk", "name")[:_MOST_POOLS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Pod]) -> QuerySet[Pod]:
        if not self.value():
            return queryset
        identity = as_uuid(str(self.value()))
        return queryset.filter(pool=identity) if identity else queryset.none()


class PodPages(FactPages[Pod], ReadOnlyAdmin[Pod]):
    """Pods with what is on their slots."""

    list_display = ("name", "status", "why", "slots", "node", "pool", "shield", "age")
    list_display_links = ("name",)
    list_filter = (StateFilter, FailureFilter, PoolFilter)
    search_fields = ("name", "node")
    list_per_page = 100
    change_form_template = "console/pod.html"
    list_after_template = "console/list_twin.html"
    twin = ("k8s4r get pods", "/api/v1/pods")
    fields: ClassVar = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pod]:
        """Return pods of this person's pools with their slots, and the time of this request."""
        current = Attempt.objects.filter(agent=OuterRef("agent"), state__in=CURRENT_WORDS)
        slots = Slot.objects.filter(agent=OuterRef("agent"), retired_at=None).order_by()
        number = slots.values("agent").annotate(number=Count("pk")).values("number")
        rows = pods.pods(principal_of(request)).order_by("-created_at", "-id")
        return rows.annotate(
            asked_at=as_column(now_of(request)),
            slots_used=counted(current, "agent"),
            slots_total=Subquery(number),
        )

    def get_urls(self) -> list[URLPattern]:
        drain = self.admin_site.admin_view(self.drain_view)
        return [path("<uuid:pod_id>/drain/", drain, name="pod_drain"), *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Pod | None = None) -> bool:
        """May this person read pods? Which of them they see, the rows themselves say."""
        return may(request, Permission.FLEET_READ)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def page_facts(self, request: HttpRequest, row: Pod) -> dict[str, Any]:
        """Return of one pod: how it stands and what helps, its slots, what was done, its log."""
        project_id = row.pool.project_id
        return {
            **pod_page.facts(row, principal_of(request), now=now_of(request)),
            "history": events.link(request, row.pk, project_id),
            "may_act": may(request, Permission.FLEET_WRITE, project_id),
        }

    def drain_view(self, request: HttpRequest, pod_id: UUID) -> HttpResponse:
        """Say what letting this pod go would mean now; then do it."""
        pod: Pod = get_object_or_404(self.get_queryset(request), pk=pod_id)
        if not may(request, Permission.FLEET_WRITE, pod.pool.project_id):
            raise PermissionDenied(refusal(Permission.FLEET_WRITE).message)
        if request.method != "POST":
            context = {"pod": pod, "title": f"Drain {pod.name}"}
            whole = {**self.admin_site.each_context(request), **context}
            return TemplateResponse(request, "console/pod_drain.html", whole)
        note = request.POST.get("note", "").strip()[:LONGEST_NOTE]
        try:
            done = pod_drains.drain(
                pod_id, principal=principal_of(request), now=now_of(request), note=note
            )
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
        else:
            self.message_user(request, f"Now {done.state}: {pod.name}", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:pools_pod_change", args=[pod_id]))

    @admin.display(description="state", ordering="state")
    def status(self, pod: Pod) -> SafeString:
        return chip(pod.state, note=pod.message)

    @admin.display(description="why not", ordering="failure")
    def why(self, pod: Pod) -> str:
        return pod.failure.replace("_", " ") or "-"

    @admin.display(description="slots in use")
    def slots(self, pod: Pod) -> str:
        used, total = pod.slots_used, pod.slots_total  # type: ignore[attr-defined]
        return f"{used} of {total or 0}"

    @admin.display(description="shielded")
    def shield(self, pod: Pod) -> str:
        return "yes" if pod.shielded else "no"

    @admin.display(description="age", ordering="created_at")
    def age(self, pod: Pod) -> SafeString | str:
        return ago(pod.created_at, pod.asked_at)  # type: ignore[attr-defined]

    @admin.display(description="pool", ordering="pool__name")
    def pool(self, pod: Pod) -> SafeString:
        page = reverse("admin:pools_pool_change", args=[pod.pool_id])
        return format_html('<a href="{}">{}</a>', page, pod.pool.name)
