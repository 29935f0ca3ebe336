"""What do all operators' pages share: how states, times and refusals look, and who may do what?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import DateTimeField, Model, QuerySet, Value
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from k8s4r import clock
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import DomainError

_M = TypeVar("_M", bound=Model)

if TYPE_CHECKING:
    # Unfold has no types; its class adds looks to this one.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

    # Only the stubs' class is generic.
    ModelAdmin.__class_getitem__ = classmethod(lambda cls, _: cls)

__all__ = [
    "CappedPaginator",
    "FactPages",
    "ModelAdmin",
    "NamedLists",
    "ReadOnlyAdmin",
    "SignedAdmin",
    "actor_of",
    "ago",
    "as_column",
    "chip",
    "now_of",
    "span",
    "tell",
]

TONES: Final = {
    "good": {"completed", "succeeded", "online", "active", "delivered", "ready", "healthy"},
    "busy": {"running", "dispatching", "assigned", "busy", "creating", "starting"},
    "wait": {
        "pending",
        "waiting",
        "apply_pending",
        "held",
        "reserved",
        "stopping",
        "paused",
        "draining",
        "deleting",
    },
    "odd": {"unknown"},
    "bad": {
        "failed",
        "timed_out",
        "lost",
        "refused",
        "error",
        "offline",
        "revoked",
        "expired",
        "dead",
        "unhealthy",
    },
    "done": {"cancelled", "stopped", "used up"},
}
_TONE_OF: Final = {state: tone for tone, states in TONES.items() for state in states}
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_MOST_NAMED: Final = 10
_MOST_COUNTED: Final = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Pages of a table too long to count: nobody turns further than this."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Model]", self.object_list)
        return rows[:_MOST_COUNTED].count()


class NamedLists(ModelAdmin[_M]):
    """A list that is called what it lists, in the title of its tab as well."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


class FactPages(ModelAdmin[_M]):
    """The page of a row that shows more than a form: what `page_facts` returns for its template."""

    def page_facts(self, request: HttpRequest, row: _M) -> Mapping[str, Any]:
        """Return what the page says of a row that this person may see."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row with its facts; one that is not there, or not for them, as Django does."""
        row = self.get_object(request, object_id)
        context = extra_context or {}
        if row is not None and self.has_view_permission(request, row):
            context = {**context, **self.page_facts(request, row)}
        return super().change_view(request, object_id, form_url, context)


class ReadOnlyAdmin(NamedLists[_M]):
    """Rows that people look at: services write them, never a form."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: _M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: _M | None = None) -> bool:
        return False


class SignedAdmin(NamedLists[_M]):
    """Rows that a form writes: the history knows whose form it was."""

    def save_model(
        self, request: HttpRequest, obj: _M, form: "ModelForm[_M]", change: bool
    ) -> None:
        with signed(request, f"{'change' if change else 'create'}_{obj._meta.model_name}"):
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: _M) -> None:
        with signed(request, f"delete_{obj._meta.model_name}"):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[_M]) -> None:
        with signed(request, f"delete_{queryset.model._meta.model_name}"):
            super().delete_queryset(request, queryset)


@contextmanager
def signed(request: HttpRequest, cause: str) -> Iterator[None]:
    """Sign what a page changes; what follows in the page's own transaction is signed as well."""
    with transaction.atomic():
        attribution.attribute(actor_of(request), cause=cause)
        yield


def actor_of(request: HttpRequest) -> Actor:
    """Return who acts on this page, for the history."""
    return Actor("user", str(request.user.pk))


def now_of(request: HttpRequest) -> datetime:
    """Return the database's time, asked once per request."""
    known: datetime | None = getattr(request, "asked_at", None)
    if known is None:
        known = clock.now()
        request.asked_at = known  # type: ignore[attr-defined]
    return known


def as_column(moment: datetime) -> Value:
    """Return a moment as a column that every row of a list carries, for the ages in it."""
    return Value(moment, output_field=DateTimeField())


def chip(state: str, *, note: str = "") -> SafeString:
    """Return a state as a word in a coloured frame; the word alone says everything."""
    tone = _TONE_OF.get(state, "done")
    words = state.replace("_", " ")
    return format_html('<span class="k-chip k-{}" title="{}">{}</span>', tone, note, words)


def ago(moment: datetime | None, now: datetime) -> SafeString | str:
    """Return how long ago that was, with the absolute time behind it."""
    if moment is None:
        return "-"
    return format_html(
        '<time class="k-time" datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        span((now - moment).total_seconds()),
    )


def span(seconds: float) -> str:
    """Return a duration in its two largest units: ``3d4h``, ``12m5s``, ``1.4s``, ``40ms``."""
    if 0 < seconds < 1:
        return f"{seconds * 1_000:.0f}ms"
    if 0 < seconds < 10:
        return f"{seconds:.1f}s"
    left, words = max(0, int(seconds)), list[str]()
    for size, unit in _UNITS:
        if left >= size:
            words.append(f"{left // size}{unit}")
            left %= size
    return "".join(words[:2]) or "0s"


def tell(
    admin: ModelAdmin[Any],
    request: HttpRequest,
    done: str,
    *,
    count: int,
    refused: Mapping[str, DomainError],
) -> None:
    """Say how many rows an action changed, and of each refused one why, by name."""
    if count:
        admin.message_user(request, f"{done}: {count}", messages.SUCCESS)
    for line in _refusals(refused):
        admin.message_user(request, line, messages.WARNING)


def _refusals(refused: Mapping[str, DomainError]) -> Iterable[str]:
    named: Sequence[tuple[str, DomainError]] = list(refused.items())[:_MOST_NAMED]
    for name, error in named:
        yield f"{name}: {error.message}"
    if len(refused) > len(named):
        yield f"and {len(refused) - len(named)} more were refused"
