"""Pools with what waits and runs in them: their list, and the page of one."""

from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executors.core.lifecycle import TaskState
from executors.history import Span
from executors.selectors import visible
from k8s4r.access.pages import principal_of
from k8s4r.console import events, past, pool_page
from k8s4r.console.counting import counted
from k8s4r.console.endings import Ending, EndingPages
from k8s4r.console.histories import HistoryPages
from k8s4r.console.past import Thing
from k8s4r.console.pool_gates import GatePages
from k8s4r.console.pool_scaling import ScalingPages
from k8s4r.core.roles import Permission
from k8s4r.pages import FactPages, now_of
from pools import selectors
from pools.admin import PoolAdmin
from pools.models import Pool, PoolType
from pools.services import pools


def _delete(request: HttpRequest, pool: Pool) -> None:
    pools.archive(pool.pk, principal=principal_of(request), now=now_of(request))


_DELETED: Final = Ending(
    "Delete", "Deleted",
    "It takes no new tasks and leaves every list; tasks that it has still run. Its history stays.",
    Permission.FLEET_WRITE, _delete,
)  # fmt: skip


class PoolPages(FactPages[Pool], HistoryPages, EndingPages, GatePages, ScalingPages, PoolAdmin):
    """Pools with what waits and runs in them."""

    kind = "pool"
    endings: ClassVar = {"delete": _DELETED}
    change_form_template = "console/pool.html"
    list_after_template = "console/list_twin.html"
    twin = ("k8s4r get pools", "/api/v1/agent-pools")
    list_display = (
        "name", "project", "status", "waiting", "running", "type", "strategy",
        "max_concurrent", "max_per_owner",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        """Add how much waits and runs of what the person reads, as the lists behind show it."""
        tasks = visible(principal_of(request)).filter(pool=OuterRef("pk"))
        held = [TaskState.DISPATCHING, TaskState.RUNNING]
        return (
            super()
            .get_queryset(request)
            .annotate(
                tasks_waiting=counted(tasks.filter(state=TaskState.PENDING), "pool"),
                tasks_running=counted(tasks.filter(state__in=held), "pool"),
            )
        )

    def offered_endings(self, request: HttpRequest, row: Pool) -> list[tuple[str, str]]:
        """Offer none for the default pool: a project keeps it."""
        return [] if row.name == selectors.DEFAULT else super().offered_endings(request, row)

    def page_facts(self, request: HttpRequest, row: Pool) -> dict[str, Any]:
        """Return of one pool: what waits and why, who is in it, what it decided."""
        return {
            **pool_page.facts(row, principal_of(request), now=now_of(request)),
            "history": events.link(request, row.pk, row.project_id),
            "endings": self.offered_endings(request, row),
            "gate": self.gate_facts(request, row),
            "may_have_pods": row.type == PoolType.DYNAMIC and row.name != selectors.DEFAULT,
            "box": past.box(request, Thing("pool", row.pk, row.project_id), Span(limit=past.FEW)),
        }

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
