"""How do operators read the history of everything?"""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from k8s4r.audit.models import AuditEvent
from k8s4r.pages import CappedPaginator, ReadOnlyAdmin, chip


class _WordFilter(admin.SimpleListFilter):
    """One of a few known words in one column: no query to find out which there are."""

    words: ClassVar[tuple[str, ...]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word) for word in self.words]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> QuerySet[AuditEvent]:
        return (
            queryset.filter(**{str(self.parameter_name): self.value()})
            if self.value()
            else queryset
        )


class KindFilter(_WordFilter):
    """What changed."""

    title = "what"
    parameter_name = "object_type"
    words = ("task", "attempt", "agent")


class ActorFilter(_WordFilter):
    """Who changed it."""

    title = "by"
    parameter_name = "actor_kind"
    words = ("user", "agent", "system")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    """Every change, newest first; rows are written by triggers and never change."""

    list_display = ("moment", "what", "change", "cause", "who", "note")
    list_display_links = ("moment",)
    list_filter = (KindFilter, ActorFilter)
    search_fields = ("object_id__exact", "actor_id__exact", "request_id__exact")
    search_help_text = "An id of a task, attempt, agent, actor or request"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 100
    fields = (
        "at", "object_type", "object_id", "from_state", "to_state", "cause", "actor_kind",
        "actor_id", "project_id", "request_id", "detail",
    )  # fmt: skip

    @admin.display(description="at", ordering="id")
    def moment(self, event: AuditEvent) -> str:
        return event.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    @admin.display(description="change")
    def change(self, event: AuditEvent) -> SafeString:
        return chip(event.to_state, note=f"from {event.from_state or 'nothing'}")

    @admin.display(description="what")
    def what(self, event: AuditEvent) -> SafeString:
        """Show the object; its link leads to all that happened to it."""
        return format_html(
            '{} <a class="k-id" href="?object_id={}">{}</a>',
            event.object_type,
            event.object_id,
            event.object_id,
        )

    @admin.display(description="by")
    def who(self, event: AuditEvent) -> SafeString:
        return format_html('{} <span class="k-id">{}</span>', event.actor_kind, event.actor_id)

    @admin.display(description="note")
    def note(self, event: AuditEvent) -> str:
        """Show why, when the event says so; the rest of the detail is on its page."""
        number = event.detail.get("number")
        reason = str(event.detail.get("reason") or "").replace("_", " ")
        return reason or (f"attempt {number}" if number else "")
