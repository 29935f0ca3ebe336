"""What stands on the page of one pool?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Q
from django.utils.safestring import SafeString

from agents.core.states import Desired, Observed
from agents.models import Agent, Slot
from executors.admin.task_page import title
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt
from k8s4r.access.principals import Principal
from k8s4r.console import pool_queue, pool_size, slot_map
from k8s4r.pages import ago, chip, span
from pools import selectors
from pools.models import Pool

_MOST_MEMBERS: Final = 50


@dataclass(frozen=True, slots=True)
class Member:
    """An agent of the pool, and its room."""

    agent: Agent
    chip: SafeString
    wish: SafeString | str
    used: int
    total: int


def facts(pool: Pool, viewer: Principal, *, now: datetime) -> dict[str, Any]:
    """Return what the page shows its viewer beside the form; a constant number of queries."""
    has_pods = pool.k8s_config_id is not None
    # The map of slots says who is in a pool of pods.
    agents = [] if has_pods else list(selectors.members(pool)[: _MOST_MEMBERS + 1])
    members = _members(agents[:_MOST_MEMBERS])
    held = pool_queue.held(pool)
    return {
        "has_pods": has_pods,
        "size": pool_size.facts(pool, now=now) if has_pods else {},
        "map": slot_map.facts(pool, viewer, now=now) if has_pods else {},
        "pool": pool,
        "chip": chip("paused" if pool.paused else "active"),
        "members": members,
        "more_members": len(agents) > _MOST_MEMBERS,
        "used": sum(one.used for one in members),
        "room": sum(one.total for one in members if _may_work(one.agent)),
        "held": held,
        "limit_percent": min(100, round(100 * held / (pool.max_concurrent or 1))),
        "groups": [_group(one, now) for one in pool_queue.waiting(pool, viewer, now=now)],
        "given": [_given(one, now) for one in pool_queue.given(pool, viewer)],
        "passes": [_pass(one, now) for one in pool_queue.passes(pool)],
        "labels": ", ".join(f"{k}={v}" for k, v in sorted(pool.required_labels.items())),
        "cli": f"k8s4r describe pool {pool.name}",
        "json": f"/api/v1/agent-pools/{pool.pk}",
    }


def _members(agents: list[Agent]) -> list[Member]:
    ids = [agent.pk for agent in agents]
    current = Attempt.objects.filter(agent__in=ids, state__in=CURRENT_WORDS).order_by()
    used = dict(current.values_list("agent").annotate(Count("pk")))
    slots = Slot.objects.filter(Q(agent__in=ids), retired_at=None).order_by()
    total = dict(slots.values_list("agent").annotate(Count("pk")))
    return [
        Member(
            agent,
            chip(agent.observed, note=agent.observed_reason),
            chip(agent.desired) if agent.desired != Desired.ACTIVE else "",
            used.get(agent.pk, 0),
            total.get(agent.pk, 0),
        )
        for agent in agents
    ]


def _may_work(agent: Agent) -> bool:
    return agent.observed == Observed.ONLINE and agent.desired == Desired.ACTIVE


def _group(one: pool_queue.Waiting, now: datetime) -> dict[str, Any]:
    needs = "; ".join(one.needs)
    return {"row": one.group, "oldest": ago(one.group.oldest_since, now), "needs": needs}


def _given(given: pool_queue.Given, now: datetime) -> dict[str, Any]:
    attempt = given.attempt
    return {
        "row": attempt,
        "title": title(attempt.task),
        "chip": chip(attempt.state),
        "waited": span(given.waited_s),
        "at": ago(attempt.assigned_at, now),
    }


def _pass(one: pool_queue.Pass, now: datetime) -> dict[str, Any]:
    left = ", ".join(f"{code} ({count})" for code, count in sorted(one.left.items()))
    return {"at": ago(one.at, now), "placed": one.placed, "left": left}
