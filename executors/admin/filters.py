"""By what are tasks filtered in their list? Every filter stands in the address."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from executors.core.lifecycle import TASK_HELD, TASK_TERMINAL, TaskState
from executors.models import Task

_GROUPS = {
    "open": frozenset({TaskState.PENDING}) | TASK_HELD,
    "ended": TASK_TERMINAL,
    "trouble": frozenset({TaskState.FAILED, TaskState.TIMED_OUT, TaskState.UNKNOWN}),
}


class StateFilter(admin.SimpleListFilter):
    """One state, or one of three groups of states; no query to offer the choices."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        yield "open", "not ended"
        yield "trouble", "needs a look"
        yield "ended", "ended"
        for state in TaskState:
            yield state.value, state.value.replace("_", " ")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(state__in=sorted(_GROUPS.get(chosen, {chosen})))
