"""How do operators see pools, and what of them may they change?"""

from typing import Any

from django.contrib import admin
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString

from k8s4r.access.pages import may, principal_of, within
from k8s4r.core.roles import Permission
from k8s4r.pages import NamedLists, chip, now_of
from pools.models import Pool
from pools.services import pools

_LIMITS = frozenset({"max_concurrent", "max_per_owner"})


class PoolAdmin(NamedLists[Pool]):
    """Pools: limits, strategy and pause are changed here; what tasks name them by stays."""

    list_display: tuple[str, ...] = (
        "name", "project", "status", "type", "strategy", "max_concurrent", "max_per_owner",
    )  # fmt: skip
    list_filter = ("type", "strategy", "paused")
    list_select_related = ("project",)
    search_fields = ("name", "description")
    readonly_fields = (
        "name", "project", "type", "required_labels", "created_at", "changed_at",
    )  # fmt: skip
    fields = (
        "name", "project", "description", "type", "required_labels", "strategy",
        "max_concurrent", "max_per_owner", "created_at", "changed_at",
    )  # fmt: skip
    empty_value_display = "-"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        rows = super().get_queryset(request).filter(archived_at=None)
        return within(request, Permission.FLEET_READ, rows)

    def has_view_permission(self, request: HttpRequest, obj: Pool | None = None) -> bool:
        return may(request, Permission.FLEET_READ, obj.project_id if obj else None)

    def has_change_permission(self, request: HttpRequest, obj: Pool | None = None) -> bool:
        return may(request, Permission.FLEET_WRITE, obj.project_id if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: pools are made over the API, which checks their labels."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Pool | None = None) -> bool:
        return False

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Take no limit of 0, which the API does not take either: that is a pause."""
        least = {"min_value": 1} if db_field.name in _LIMITS else {}
        return super().formfield_for_dbfield(db_field, request, **least, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Pool, form: "ModelForm[Pool]", change: bool
    ) -> None:
        """Change what was changed in the form, by the service."""
        changes: dict[str, Any] = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            pools.change(obj.pk, changes, principal=principal_of(request), now=now_of(request))

    @admin.display(description="state")
    def status(self, pool: Pool) -> SafeString:
        return chip("paused" if pool.paused else "active")


admin.site.register(Pool, PoolAdmin)
