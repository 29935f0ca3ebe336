"""The page of what happened to a thing, and the question before a setting is put back."""

from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from executors.api.history import CHANGES, check_visible
from executors.services import reverting
from executors.services.reverting import Revert
from k8s4r.access.pages import principal_of
from k8s4r.access.principals import refusal
from k8s4r.console import past
from k8s4r.console.past import Thing
from k8s4r.core import sentences
from k8s4r.core.errors import DomainError, NotFound
from k8s4r.core.ids import as_uuid
from k8s4r.pages import ModelAdmin, now_of


class HistoryPages(ModelAdmin[Any]):
    """Adds to the pages of one kind of thing its history; ``kind`` is its word in the API."""

    kind: ClassVar[str] = ""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "<uuid:object_id>/history/<int:event_id>/",
                wrap(self.revert_view),
                name=f"{self.kind}_revert",
            ),
            *super().get_urls(),
        ]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one line of time, as far as the address asks."""
        thing = self._thing(request, as_uuid(object_id))
        asked = past.asked(request.GET, now=now_of(request))
        found = [] if asked.problems else past.entries(request, thing, asked.span)
        shown = past.lines(found[: past.MOST], past.may_change(request, thing))
        name = _name(self.model, thing.id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {self.kind} {name}",
            "name": name,
            "page": reverse(_route(self.model), args=[thing.id]),
            "asked": asked,
            "choices": [(word, said, word == asked.since) for word, said in past.CHOICES.items()],
            "box": {
                "lines": shown,
                "tally": past.tally(shown),
                "thing": thing,
                "revert_route": f"admin:{self.kind}_revert",
            },
            "older": _older(request, found),
            "cli": _command(self.kind, name, asked.since),
            "json": f"/api/v1/history/{self.kind}/{thing.id}",
            **(extra_context or {}),
        }
        status = 422 if asked.problems else 200
        return TemplateResponse(request, "console/history.html", context, status=status)

    def revert_view(self, request: HttpRequest, object_id: UUID, event_id: int) -> HttpResponse:
        """Say what putting back what an event changed would mean; then do it."""
        thing = self._thing(request, object_id)
        if not past.may_change(request, thing):
            raise PermissionDenied(refusal(CHANGES[self.kind]).message)
        is_forced = request.POST.get("force") == "yes"
        wanted = Revert(kind=self.kind, object_id=object_id, event_id=event_id, force=is_forced)
        try:
            if request.method == "POST":
                done = reverting.revert(
                    wanted, principal=principal_of(request), now=now_of(request)
                )
                said = sentences.changed(done) or "nothing: it is as it was already"
                self.message_user(request, f"Put back: {said}", messages.SUCCESS)
            else:
                return self._revert_asked(request, thing, wanted)
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
        return HttpResponseRedirect(reverse(_route(self.model), args=[object_id]))

    def _revert_asked(self, request: HttpRequest, thing: Thing, wanted: Revert) -> HttpResponse:
        plan = reverting.plan(wanted)
        name = _name(self.model, thing.id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Put back settings of {self.kind} {name}",
            "name": name,
            "thing": thing,
            "changes": [
                (name, sentences.shown(present), sentences.shown(earlier))
                for name, present, earlier in sentences.pairs(plan.changes)
            ],
            "newer": plan.newer,
            "event_id": wanted.event_id,
            "page": reverse(_route(self.model), args=[thing.id]),
        }
        return TemplateResponse(request, "console/revert.html", context)

    def _thing(self, request: HttpRequest, thing_id: UUID | None) -> Thing:
        """Return what this page is about, if it is there for this person."""
        if thing_id is None:
            raise Http404("an id is a UUID")
        try:
            project_id = check_visible(self.kind, thing_id, principal_of(request))
        except NotFound as error:
            raise Http404(error.message) from error
        assert project_id is not None, "pools, agents and projects are in one"
        return Thing(self.kind, thing_id, project_id)


def _route(model: type[Model]) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_change"


def _name(model: type[Model], identity: UUID) -> str:
    """Return what it is called; one that is gone is known by its id."""
    row = model._default_manager.filter(pk=identity).first()
    return str(getattr(row, "name", identity))


def _older(request: HttpRequest, found: list[Any]) -> str:
    """Return where the page goes on, empty when this was all."""
    if len(found) <= past.MOST:
        return ""
    query = request.GET.dict() | {"behind": past.place(found[past.MOST - 1])}
    return f"?{urlencode(query)}"


def _command(kind: str, name: str, since: str) -> str:
    return f"k8s4r history {kind}/{name}" + (f" --since {since}" if since else "")
