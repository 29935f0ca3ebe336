"""Who calls in a schema run, on what of their own, and what must they never see?"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from agents.models import Agent
from executors.models import Attempt, Task
from k8s4r import clock
from k8s4r.access.models import Membership, Project, Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from pools.models import Pool
from tests.api.places import Place, a_place
from tests.builders import a_member, a_pool, a_running_attempt, an_agent

# Stands in every name of the foreign project, and in no other text.
MARK = "qzforeignzq"


class World(NamedTuple):
    """Two projects: the caller's and a foreign one. ``token`` is empty for anonymous callers."""

    token: str
    own: Place
    foreign: Place
    attempt: Attempt
    own_tokens: frozenset[str]


def a_world(role: str) -> World:
    own, foreign = a_place("own"), a_place(MARK)
    agent = an_agent("caller-agent", slots=4, now=clock.now(), project=own.project)
    attempt = a_running_attempt(a_pool(agent, project=own.project), agent, now=clock.now())
    token = _token(role, own, agent)
    own_tokens = {
        str(pk) for pk in Token.objects.filter(label="caller").values_list("pk", flat=True)
    }
    return World(token, own, foreign, attempt, frozenset(own_tokens))


def _token(role: str, own: Place, agent: Agent) -> str:
    if role == "anonymous":
        return ""
    if role == "agent":
        terms = Terms(lifetime=None, subject=agent.pk, project=own.project, label="caller")
        return tokens.mint(TokenKind.AGENT, terms, now=clock.now()).text
    user = a_member("caller", role, project=own.project)
    terms = Terms(lifetime=None, user=user, label="caller")
    return tokens.mint(TokenKind.PERSON, terms, now=clock.now()).text


def hidden(world: World) -> frozenset[str]:
    """Return the texts that no answer may hold unless the request did."""
    return frozenset({MARK, *(str(pk) for pk in world.foreign.ids.values())})


# What the platform moves by itself: it dispatches foreign tasks, and misses foreign agents.
_MOVED = {
    "state", "via", "changed_at", "attempts_made", "agent_id", "started_at", "ended_at", "reason",
    "message", "run_after", "observed", "observed_reason", "observed_at", "sort_key",
}  # fmt: skip


def foreign_rows(world: World) -> list[dict[str, Any]]:
    """Return what people say about the foreign project, to be the same after as before."""
    project = world.foreign.project
    found: Iterable[Any] = (
        Project.objects.filter(pk=project.pk),
        Task.objects.filter(project=project).order_by("pk"),
        Agent.objects.filter(project=project).order_by("pk"),
        Pool.objects.filter(project=project).order_by("pk"),
        Token.objects.filter(project=project).order_by("pk"),
        Membership.objects.filter(project=project).order_by("pk"),
    )
    return [
        {name: value for name, value in row.items() if name not in _MOVED}
        for rows in found
        for row in rows.values()
    ]
