"""How do operators read the history of everything?"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from k8s4r.audit.models import AuditEvent
from k8s4r.audit.names import Names, model
from k8s4r.core import ids, sentences
from k8s4r.pages import CappedPaginator, ReadOnlyAdmin, chip, now_of

_DAY: Final = timedelta(days=1)
_MOST_PROJECTS: Final = 100
_SHORT: Final = 13
_NAMING: Final = frozenset({"name", "username", "label", "agent_id", "role"})
_TOLD_BY_STATE: Final = frozenset({"observed", "archived_at", "revoked_at"})


class _WordFilter(admin.SimpleListFilter):
    """One of a few known words in one column: no query to find out which there are."""

    words: ClassVar[tuple[str, ...]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word.replace("_", " ")) for word in self.words]

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
    words = (
        "task", "attempt", "log", "artifact", "agent", "pool", "pool_member", "project", "user",
        "role", "user_group", "user_permission", "group", "group_permission", "token",
    )  # fmt: skip


class ActorFilter(_WordFilter):
    """Who changed it."""

    title = "by"
    parameter_name = "actor_kind"
    words = ("user", "agent", "enrolment", "system")


class ProjectFilter(admin.SimpleListFilter):
    """In which project it was; the choices are those whose events the person reads."""

    title = "project"
    parameter_name = "project_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.projects(request).order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows[:_MOST_PROJECTS]]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> QuerySet[AuditEvent]:
        identity = ids.as_uuid(self.value() or "")
        return queryset.filter(project_id=identity) if identity else queryset


class TimeFilter(admin.SimpleListFilter):
    """How long ago it was, at most."""

    title = "time"
    parameter_name = "within"
    spans: ClassVar[Mapping[str, timedelta]] = {
        "hour": _DAY / 24, "day": _DAY, "week": 7 * _DAY, "month": 30 * _DAY,
    }  # fmt: skip

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, f"past {word}") for word in self.spans]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> QuerySet[AuditEvent]:
        span = self.spans.get(self.value() or "")
        return queryset.filter(at__gte=now_of(request) - span) if span else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    """Every change, newest first; rows are written by triggers and never change."""

    list_display = ("moment", "what", "change", "cause", "who", "origin")
    list_display_links = ("moment",)
    list_filter = (KindFilter, ActorFilter, ProjectFilter, TimeFilter)
    search_fields = ("object_id",)
    search_help_text = "An id of anything, a user's name, an address, a cause or a request id"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 100
    fields = (
        "moment", "what", "object_id", "changes", "from_state", "to_state", "cause", "who",
        "actor_kind", "actor_id", "token_id", "address", "project_id", "request_id", "detail",
    )  # fmt: skip

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the page's rows with the names of who acted on what: a query for each kind."""
        changelist = super().get_changelist_instance(request)
        found = Names(changelist.result_list)
        for event in changelist.result_list:
            event.names = found
        return changelist

    def projects(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the projects whose events the person may choose to see."""
        rows: QuerySet[Any] = model("access", "Project").objects.all()
        return rows

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AuditEvent | None:
        event = super().get_object(request, object_id, from_field)
        if event is not None:
            event.names = Names([event])  # type: ignore[attr-defined]
        return event

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """Find by exact words only: each has an index, or is rare among what has one."""
        word = search_term.strip().replace("\x00", "")
        if not word:
            return queryset, False
        identity = ids.as_uuid(word)
        if identity is not None:
            found = Q(object_id=identity) | Q(actor_id=str(identity)) | Q(token_id=identity)
            return queryset.filter(found), False
        people = model("access", "User").objects.filter(username=word)
        called_so = [str(pk) for pk in people.values_list("pk", flat=True)]
        acted = Q(actor_kind="user", actor_id__in=called_so)
        return queryset.filter(acted | Q(address=word) | Q(cause=word) | Q(request_id=word)), False

    @admin.display(description="at", ordering="id")
    def moment(self, event: AuditEvent) -> str:
        return event.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    @admin.display(description="change")
    def change(self, event: AuditEvent) -> SafeString:
        """Show the step between states, where there is one, and each old and new value."""
        lines: list[str] = [_pair(*pair) for pair in _pairs(event)]
        number, reason = event.detail.get("number"), event.detail.get("reason")
        lines += [f"attempt {number}"] if number else []
        lines += [str(reason).replace("_", " ")] if reason else []
        if event.from_state != event.to_state or not lines:
            lines.insert(0, chip(event.to_state, note=f"from {event.from_state or 'nothing'}"))
        return _below_each_other(lines)

    @admin.display(description="what")
    def what(self, event: AuditEvent) -> SafeString:
        """Show the object; its link leads to all that happened to it."""
        return format_html(
            '<span>{} <a href="?object_id={}" title="{}">{}</a></span>',
            event.object_type.replace("_", " "),
            event.object_id,
            event.object_id,
            _names(event).of_object(event) or _beginning(event.object_id),
        )

    @admin.display(description="by")
    def who(self, event: AuditEvent) -> SafeString:
        known = _names(event).of_actor(event) or _beginning(event.actor_id)
        return format_html(
            '<span>{} <span title="{}">{}</span></span>', event.actor_kind, event.actor_id, known
        )

    @admin.display(description="from")
    def origin(self, event: AuditEvent) -> str:
        """Show the address, and whether it was the web or a program with a token."""
        if event.actor_kind != "user" or not event.address:
            return event.address or "-"
        return f"{event.address}, {'token' if event.token_id else 'web'}"

    @admin.display(description="changes")
    def changes(self, event: AuditEvent) -> SafeString | str:
        return _below_each_other([_pair(*pair) for pair in _pairs(event)]) or "-"


def _pairs(event: AuditEvent) -> Sequence[tuple[str, Any, Any]]:
    """Return old and new values; of what is made or deleted, its name alone."""
    changes: Mapping[str, Any] = event.detail.get("changes") or {}
    if not event.from_state or event.to_state == "deleted":
        return [pair for pair in sentences.pairs(changes) if pair[0] in _NAMING]
    return [pair for pair in sentences.pairs(changes) if pair[0] not in _TOLD_BY_STATE]


def _names(event: AuditEvent) -> Names:
    """Return the names that the page looked up for its events."""
    found: Names = event.names  # type: ignore[attr-defined]
    return found


def _pair(name: str, before: Any, after: Any) -> SafeString:
    old, new = sentences.shown(before), sentences.shown(after)
    return format_html('{} <span class="k-old">{}</span> → <b>{}</b>', name, old, new)


def _below_each_other(lines: Sequence[str]) -> SafeString:
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines))


def _beginning(identity: object) -> str:
    """Return enough of an id to tell it from its neighbours; the whole is behind it."""
    text = str(identity)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
