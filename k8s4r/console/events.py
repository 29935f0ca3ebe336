"""Who reads the page of events? Auditors, each in their projects; a superuser everywhere."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from k8s4r.access import selectors
from k8s4r.access.pages import may, principal_of, within
from k8s4r.audit.admin import AuditEventAdmin
from k8s4r.audit.models import AuditEvent
from k8s4r.core.roles import Permission


class EventPages(AuditEventAdmin):
    """Events of the projects whose audit the person reads."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return within(request, Permission.AUDIT_READ, super().get_queryset(request))

    def projects(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().projects(request)
        return selectors.within(rows, principal_of(request), Permission.AUDIT_READ, by="pk")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, Permission.AUDIT_READ)

    def has_view_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        if obj is None or obj.project_id is not None:
            return may(request, Permission.AUDIT_READ, obj.project_id if obj else None)
        return may(request, Permission.AUDIT_READ)


def link(request: HttpRequest, object_id: UUID, project_id: UUID) -> str:
    """Return where the events of one thing are, empty for who may not read them."""
    if not may(request, Permission.AUDIT_READ, project_id):
        return ""
    return f"{reverse('admin:audit_auditevent_changelist')}?object_id={object_id}"
