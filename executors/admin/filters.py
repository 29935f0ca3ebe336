"""By what are tasks filtered in their list? Every filter stands in the address."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from executors.core.lifecycle import TASK_HELD, TASK_TERMINAL, TaskState
from executors.models import Task
from k8s4r.access import selectors as access
from k8s4r.access.models import User
from k8s4r.access.pages import principal_of, within
from k8s4r.core.ids import as_uuid
from k8s4r.core.roles import Permission
from pools.models import Pool

_GROUPS = {
    "open": frozenset({TaskState.PENDING}) | TASK_HELD,
    "ended": TASK_TERMINAL,
    "trouble": frozenset({TaskState.FAILED, TaskState.TIMED_OUT, TaskState.UNKNOWN}),
}
_GROUP_WORDS = {"": "all", "open": "not ended", "trouble": "needs a look", "ended": "ended"}
_MOST_PEOPLE = 50
_MOST_PLACES = 200


class StateFilter(admin.SimpleListFilter):
    """One state, or one of three groups of states; no query to offer the choices."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        for group in _GROUPS:
            yield group, _GROUP_WORDS[group]
        for state in TaskState:
            yield state.value, state.value.replace("_", " ")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(state__in=sorted(_GROUPS.get(chosen, {chosen})))


class OwnerFilter(admin.SimpleListFilter):
    """Tasks of one person, by user name; the choices are the first people by name."""

    title = _("owner")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        names = User.objects.filter(is_active=True).order_by("username")
        if principal_of(request).projects(Permission.TASKS_READ) is not None:
            # Who else there is, is nothing for somebody of a few projects.
            names = names.filter(username=request.user.get_username())
        return [(name, name) for name in names.values_list("username", flat=True)[:_MOST_PEOPLE]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return queryset.filter(owner__username=self.value()) if self.value() else queryset


class PoolFilter(admin.SimpleListFilter):
    """Tasks of one pool; the choices are this person's pools."""

    title = _("pool")
    parameter_name = "pool__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = within(request, Permission.TASKS_READ, Pool.objects.filter(archived_at=None))
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:_MOST_PLACES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return _by_id(queryset, "pool_id", self.value())


class ProjectFilter(admin.SimpleListFilter):
    """Tasks of one project; the choices are this person's projects."""

    title = _("project")
    parameter_name = "project__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = access.projects(principal_of(request))
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:_MOST_PLACES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return _by_id(queryset, "project_id", self.value())


def _by_id(queryset: QuerySet[Task], column: str, value: str | None) -> QuerySet[Task]:
    if not value:
        return queryset
    return queryset.filter(**{column: as_uuid(value)})


@dataclass(frozen=True, slots=True)
class StateChip:
    """A state as a link that shows the tasks in it."""

    word: str
    query: str
    is_chosen: bool


def state_chips(request: HttpRequest) -> list[StateChip]:
    """Return the choices of state above a list; each keeps the other filters."""
    chosen = request.GET.get("state", "")
    return [
        StateChip(_GROUP_WORDS.get(state, state.replace("_", " ")), _query(request, state),
                  state == chosen)
        for state in ("", *_GROUPS, *map(str, TaskState))
    ]  # fmt: skip


def _query(request: HttpRequest, state: str) -> str:
    query = request.GET.copy()
    for name in ("p", "state"):
        query.pop(name, None)
    if state:
        query["state"] = state
    return query.urlencode()
