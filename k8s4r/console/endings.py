"""How is a thing ended on its page? Once its name was typed; the server compares it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from k8s4r import typed
from k8s4r.access.pages import may
from k8s4r.access.principals import refusal
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import ModelAdmin


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to end a thing: its word, what it means, what it needs, and how it is done."""

    word: str
    done: str
    explains: str
    needs: Permission
    run: Callable[[HttpRequest, Any], object]
    leads_to_list: bool = True


class EndingPages(ModelAdmin[Any]):
    """Adds to the pages of one kind of thing its endings."""

    endings: ClassVar[Mapping[str, Ending]] = {}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        name = f"{self.opts.model_name}_end"
        ends = path("<uuid:object_id>/end/<str:ending>/", wrap(self.end_view), name=name)
        return [ends, *super().get_urls()]

    def offered_endings(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """Return the key and the word of each ending that this person may choose."""
        return [
            (key, one.word)
            for key, one in self.endings.items()
            if row.archived_at is None and may(request, one.needs, row.project_id)
        ]

    def ending_facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what else a person should know before they end it, for the template."""
        return {}

    def end_view(self, request: HttpRequest, object_id: UUID, ending: str) -> HttpResponse:
        """Say what this ending means and ask for the name; end it when that was typed."""
        row = get_object_or_404(self.get_queryset(request), pk=object_id, archived_at=None)
        chosen = self.endings.get(ending)
        if chosen is None:
            raise Http404
        if not may(request, chosen.needs, row.project_id):
            raise PermissionDenied(refusal(chosen.needs).message)
        problem = typed.problem(request, row.name) if request.method == "POST" else ""
        if request.method == "POST" and not problem:
            return self._end_done(request, row, chosen)
        return self._end_asked(request, row, chosen, problem)

    def _end_done(self, request: HttpRequest, row: Any, chosen: Ending) -> HttpResponse:
        route = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        page = reverse(f"{route}_change", args=[row.pk])
        try:
            chosen.run(request, row)
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
            return HttpResponseRedirect(page)
        self.message_user(request, f"{chosen.done}: {row.name}", messages.SUCCESS)
        leads = reverse(f"{route}_changelist") if chosen.leads_to_list else page
        return HttpResponseRedirect(leads)

    def _end_asked(
        self, request: HttpRequest, row: Any, chosen: Ending, problem: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **self.ending_facts(request, row),
            "title": f"{chosen.word} {row.name}",
            "ending": chosen,
            "wanted": row.name,
            "kind": str(self.opts.verbose_name),
            "problem": problem,
            "page": reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]
            ),
        }
        status = 422 if problem else 200
        return TemplateResponse(request, "console/end.html", context, status=status)
