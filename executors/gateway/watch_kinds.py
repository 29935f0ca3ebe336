"""Which things can be watched, and how does one of them look to who watches?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict

from agents import selectors as agent_selectors
from agents.api import filters as agent_filters
from agents.api import shapes as agent_shapes
from agents.api.shapes import Presence
from agents.models import Agent
from executors import filters, pod_filters, pod_shapes, pods, selectors, shapes
from executors.models import Task
from executors.operating import selectors as operating_selectors
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission
from pools import selectors as pool_selectors
from pools.api import filters as pool_filters
from pools.api import shapes as pool_shapes
from pools.models import Pod, Pool

# What the gateway reads of the query itself.
OWN: Final = ("watch", "since")


@dataclass(frozen=True, slots=True)
class Query:
    """The query of a watch, without what is the gateway's own: filters, as lists take them."""

    query_params: QueryDict


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: its name in the history, and how its rows are found and shown.

    Events of ``told_with`` change it as well: they have its id and are about what it shows.
    ``matching`` are those that pass the filters of a query, ``seen`` all that exist for a caller,
    those that were let go among them.
    """

    object_type: str
    needs: Permission
    matching: Callable[[Query, Principal], QuerySet[Any]]
    seen: Callable[[Principal], QuerySet[Any]]
    shown: Callable[[QuerySet[Any]], Sequence[dict[str, Any]]]
    told_with: tuple[str, ...] = ()

    @property
    def object_types(self) -> tuple[str, ...]:
        """Return the names of its events in the history."""
        return (self.object_type, *self.told_with)


def query_of(text: str) -> Query:
    """Return the filters of a query string."""
    asked = QueryDict(text, mutable=True)
    for name in OWN:
        asked.pop(name, None)
    return Query(asked)


def _tasks(query: Query, principal: Principal) -> QuerySet[Task]:
    return selectors.tasks(filters.task_filter(query), principal)


def _shown_tasks(rows: QuerySet[Task]) -> list[dict[str, Any]]:
    return [shapes.task(record) for record in selectors.records(rows)]


def _agents_seen(principal: Principal) -> QuerySet[Agent]:
    seen = principal.projects(Permission.FLEET_READ)
    rows = Agent.objects.order_by("id")
    return rows if seen is None else rows.filter(project_id__in=seen)


def _shown_agents(rows: QuerySet[Agent]) -> list[dict[str, Any]]:
    found = list(rows.select_related("project"))
    agent_ids: list[UUID] = agent_shapes.ids_of(found)
    presence = Presence(
        agent_selectors.last_heartbeats(agent_ids),
        agent_selectors.slot_counts(agent_ids),
        selectors.held_slots(agent_ids),
        agent_selectors.settings_applied(agent_ids),
        agent_selectors.token_expiries(agent_ids),
        operating_selectors.task_totals(agent_ids),
    )
    return [agent_shapes.listed(row, presence) for row in found]


def _pools_seen(principal: Principal) -> QuerySet[Pool]:
    seen = principal.projects(Permission.FLEET_READ)
    rows = Pool.objects.order_by("id")
    return rows if seen is None else rows.filter(pool_selectors.in_reach(seen))


def _shown_pools(rows: QuerySet[Pool]) -> list[dict[str, Any]]:
    found = list(rows)
    shaped = pool_shapes.pools(found, now=clock.now())
    return [shaped(row) for row in found]


def _shown_pods(rows: QuerySet[Pod]) -> list[dict[str, Any]]:
    found = list(rows)
    shaped = pod_shapes.listed(found)
    return [shaped(row) for row in found]


KINDS: Final = {
    "tasks": Kind("task", Permission.TASKS_READ, _tasks, selectors.visible, _shown_tasks),
    "agents": Kind(
        "agent", Permission.FLEET_READ, agent_filters.agents, _agents_seen, _shown_agents
    ),
    "agent-pools": Kind(
        "pool",
        Permission.FLEET_READ,
        pool_filters.pools,
        _pools_seen,
        _shown_pools,
        told_with=("pool_member",),
    ),
    "pods": Kind("pod", Permission.FLEET_READ, pod_filters.found, pods.pods, _shown_pods),
}
