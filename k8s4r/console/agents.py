"""Agents with their work: their list, the page of one, and what is asked of it there."""

from dataclasses import replace
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from agents.admin import AgentAdmin
from agents.core.states import Desired
from agents.models import Agent
from agents.services import editing, wishes
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from k8s4r.access.pages import may, principal_of, within
from k8s4r.access.principals import refusal
from k8s4r.access.services import tokens
from k8s4r.console import agent_page, enrolling, events, moments, past
from k8s4r.console.counting import counted
from k8s4r.console.endings import Ending, EndingPages
from k8s4r.console.histories import HistoryPages
from k8s4r.console.past import Thing
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import FactPages, actor_of, now_of, span

LONGEST_NOTE = 4096


def _revoke(request: HttpRequest, agent: Agent) -> None:
    wishes.set_desired(agent.pk, Desired.REVOKED, actor=actor_of(request), now=now_of(request))


def _delete(request: HttpRequest, agent: Agent) -> None:
    wishes.archive(agent.pk, actor=actor_of(request), now=now_of(request))


_REVOKED: Final = Ending(
    "Revoke", "Revoked",
    "Its tokens end at once and for good: it gets no work and is heard no more. What it runs ends"
    " with its lease. It stays in the list; to come back the machine has to join anew.",
    Permission.TOKENS_WRITE, _revoke, leads_to_list=False,
)  # fmt: skip
_DELETED: Final = Ending(
    "Delete", "Deleted",
    "It is revoked, leaves every list, and its name is free again. What it runs ends with its"
    " lease. Its history and the tasks that it ran stay.",
    Permission.FLEET_WRITE, _delete,
)  # fmt: skip


class AgentPages(FactPages[Agent], HistoryPages, EndingPages, AgentAdmin):
    """Agents with what they run."""

    kind = "agent"
    endings: ClassVar = {"revoke": _REVOKED, "delete": _DELETED}
    change_form_template = "console/agent.html"
    list_before_template = "console/agents_top.html"
    list_after_template = "console/list_twin.html"
    twin = ("k8s4r get agents", "/api/v1/agents")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Add how many slots are in use."""
        current = Attempt.objects.filter(agent=OuterRef("pk"), state__in=CURRENT_WORDS)
        return super().get_queryset(request).annotate(slots_used=counted(current, "agent"))

    def get_urls(self) -> list[URLPattern]:
        wrap, one = self.admin_site.admin_view, "<uuid:agent_id>/"
        steer, arrival = require_POST(self.steer_view), require_GET(self.arrival_view)
        return [
            path("join/", wrap(self.join_view), name="agent_add"),
            path("join/<uuid:token_id>/", wrap(arrival), name="agent_arrival"),
            path(one + "steer/", wrap(steer), name="agent_steer"),
            path(one + "ask/<str:value>/", wrap(require_GET(self.ask_view)), name="agent_ask"),
            path(one + "rotate/", wrap(self.rotate_view), name="agent_rotate"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List agents, with the way to add one."""
        context = {"may_add": may(request, Permission.TOKENS_WRITE), **(extra_context or {})}
        return super().changelist_view(request, context)

    def page_facts(self, request: HttpRequest, row: Agent) -> dict[str, Any]:
        """Return of one agent: state, slots with what is on them, session, last tasks."""
        return {
            **agent_page.facts(row, principal_of(request), now=now_of(request)),
            **self._night(request, row),
            "history": events.link(request, row.pk, row.project_id),
            "endings": self.offered_endings(request, row),
            "may_act": self.has_steer_permission(request, row),
            "may_rotate": may(request, Permission.TOKENS_WRITE, row.project_id),
        }

    def steer_view(self, request: HttpRequest, agent_id: UUID) -> HttpResponse:
        """Ask one thing of this agent."""
        self._agent(request, agent_id, Permission.FLEET_WRITE)
        chosen = Agent.objects.filter(pk=agent_id)
        asked = request.POST.get("ask", "")
        if asked == "approve":
            self.approve_selected(request, chosen)
        elif asked in set(Desired) - {Desired.REVOKED}:
            note = request.POST.get("note", "").strip()[:LONGEST_NOTE]
            self.ask(request, chosen, Desired(asked), note=note)
        return _page_of(agent_id)

    def ask_view(self, request: HttpRequest, agent_id: UUID, value: str) -> HttpResponse:
        """Say what asking this of the agent would mean now."""
        agent = self._agent(request, agent_id, Permission.FLEET_WRITE)
        wish = agent_page.offer(value)
        if wish is None:
            raise Http404
        running = agent_page.running(agent, principal_of(request))
        context = {"agent": agent, "wish": wish, "running": running}
        return self._shown(request, "ask", f"{wish.word} {agent.name}", context)

    def rotate_view(self, request: HttpRequest, agent_id: UUID) -> HttpResponse:
        """Have the agent fetch a new token, or show one to whoever carries it there."""
        agent = self._agent(request, agent_id, Permission.TOKENS_WRITE)
        title = f"Rotate the token of {agent.name}"
        if request.method != "POST":
            return self._shown(request, "rotate", title, {"agent": agent})
        try:
            if request.POST.get("how") == "show":
                minted = editing.replace_token(
                    agent_id, actor=actor_of(request), now=now_of(request)
                )
                context = {"agent": agent, "token": minted.text}
                return self._shown(request, "token", title, context)
            editing.rotate_token(agent_id, actor=actor_of(request), now=now_of(request))
        except DomainError as error:
            self.message_user(request, error.message, messages.WARNING)
        return _page_of(agent_id)

    def join_view(self, request: HttpRequest) -> HttpResponse:
        """Make the line that lets one more machine join, and wait for it."""
        if not may(request, Permission.TOKENS_WRITE):
            raise PermissionDenied(refusal(Permission.TOKENS_WRITE).message)
        context: dict[str, Any] = {
            "pools": within(request, Permission.TOKENS_WRITE, enrolling.pools())
        }
        if request.method == "POST":
            pool = get_object_or_404(context["pools"], pk=_id(request.POST.get("pool", "")))
            url = enrolling.address(f"{request.scheme}://{request.get_host()}")
            token, line = enrolling.minted(
                pool, url=url, actor=actor_of(request), now=now_of(request)
            )
            arrival = enrolling.arrival(token.pk, now=now_of(request))
            context = {"pool": pool, "line": line, **arrival}
        context["lifetime"] = span(tokens.ENROLMENT_LIFETIME.total_seconds())
        return self._shown(request, "add_agent", "Add an agent", context)

    def arrival_view(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        """Say whether the machine has arrived."""
        context = enrolling.arrival(token_id, now=now_of(request))
        token = context["token"]
        if token is None or not may(request, Permission.TOKENS_READ, token.project_id):
            raise Http404
        return TemplateResponse(request, "console/arrival.html", context)

    def ending_facts(self, request: HttpRequest, row: Agent) -> dict[str, Any]:
        running = len(agent_page.running(row, principal_of(request)))
        return {"facts": f"It runs {running} task{'' if running == 1 else 's'} now."}

    def _night(self, request: HttpRequest, agent: Agent) -> dict[str, Any]:
        """Return the line of time of its page: since yesterday, or since when the address says."""
        now = now_of(request)
        asked = past.asked(request.GET, now=now)
        span = replace(asked.span, limit=past.NIGHT)
        since = asked.since if "since" in request.GET and not asked.problems else "yesterday"
        if since == "yesterday":
            span = replace(span, since=moments.moment(since, now=now))
        thing = Thing("agent", agent.pk, agent.project_id)
        return {
            "box": past.box(request, thing, span),
            "since": since,
            "choices": [(word, said, word == since) for word, said in past.CHOICES.items()],
        }

    def _agent(self, request: HttpRequest, agent_id: UUID, needs: Permission) -> Agent:
        """Return an agent that this person may see, and of which they may ask this."""
        agent: Agent = get_object_or_404(self.get_queryset(request), pk=agent_id)
        if not may(request, needs, agent.project_id):
            raise PermissionDenied(refusal(needs).message)
        return agent

    def _shown(
        self, request: HttpRequest, name: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "title": title, **context}
        return TemplateResponse(request, f"console/{name}.html", whole)

    @admin.display(description="slots in use")
    def slots(self, agent: Agent) -> str:
        used, total = agent.slots_used, agent.slots_total  # type: ignore[attr-defined]
        return f"{used} of {total or 0}"


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _page_of(agent_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:agents_agent_change", args=[agent_id]))
