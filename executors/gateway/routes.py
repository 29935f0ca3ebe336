"""Which path is answered by the gateway, and by which method?"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from starlette.routing import Route
from starlette.types import ASGIApp

from executors import creation
from executors.gateway.agents import AgentEndpoints
from executors.gateway.artifacts import ArtifactEndpoint
from executors.gateway.creates import ByToken
from executors.gateway.endpoint import Endpoint, Handler
from executors.gateway.health import HealthEndpoint
from executors.gateway.logs import LogEndpoint
from executors.gateway.metrics import MetricsEndpoint
from executors.gateway.station import Gateway
from executors.gateway.tellings import TellingEndpoints
from executors.gateway.watches import WatchOrList
from k8s4r.api.calls import Served
from k8s4r.api.operations import declared


class _Path(NamedTuple):
    """A path, the kind of part that answers, and by which of its functions each method."""

    path: str
    kind: type[object]
    functions: dict[str, str]


# The busiest first: paths are tried in this order.
_PATHS: Final = (
    _Path("/api/v1/agents/{agent_id}/heartbeat", AgentEndpoints, {"POST": "heartbeat"}),
    _Path("/api/v1/agents/{agent_id}/reports", AgentEndpoints, {"POST": "reports"}),
    _Path("/api/v1/agents/{agent_id}/claims", AgentEndpoints, {"POST": "claims"}),
    _Path("/api/v1/agents/{agent_id}/session", AgentEndpoints, {"POST": "session"}),
    _Path("/api/v1/agents/register", AgentEndpoints, {"POST": "register"}),
    _Path(
        "/api/v1/attempts/{attempt_id}/artifacts/{name}",
        ArtifactEndpoint,
        {"GET": "get", "PUT": "put"},
    ),
    _Path("/api/v1/attempts/{attempt_id}/progress", TellingEndpoints, {"PUT": "progress"}),
    _Path(
        "/api/v1/attempts/{attempt_id}/annotations/{context}",
        TellingEndpoints,
        {"PUT": "annotate"},
    ),
    _Path("/api/v1/tasks/{task_id}/logs", LogEndpoint, {"GET": "get"}),
    _Path("/healthz", HealthEndpoint, {"GET": "alive", "HEAD": "alive"}),
    _Path("/readyz", HealthEndpoint, {"GET": "ready", "HEAD": "ready"}),
    _Path("/metrics", MetricsEndpoint, {"GET": "scrape"}),
)


def routes(gateway: Gateway, *, behind: ASGIApp) -> list[Route]:
    """Return the gateway's paths, which match exactly; lists it shares with ``behind``."""
    agents = AgentEndpoints(gateway.calls, gateway.claims, gateway.followers, gateway.bodies)
    parts = [
        agents, gateway.artifacts, gateway.tellings, LogEndpoint(gateway.followers),
        gateway.health, gateway.metrics,
    ]  # fmt: skip
    by_kind: dict[type[object], object] = {type(part): part for part in parts}
    watch = Endpoint({"GET": gateway.watches.get})
    tasks = WatchOrList(watch, ByToken(gateway.creates, behind=behind))
    return [
        *(Route(each.path, Endpoint(_handlers(each, by_kind[each.kind]))) for each in _PATHS),
        Route(creation.ROUTE, tasks),
        Route("/api/v1/agents", WatchOrList(watch, behind)),
        Route("/api/v1/agent-pools", WatchOrList(watch, behind)),
        Route("/api/v1/pods", WatchOrList(watch, behind)),
    ]


def served() -> Iterator[Served]:
    """Yield what is served here alone, for the document; of the shared paths the views tell."""
    for each in _PATHS:
        for method, name in each.functions.items():
            said = declared(getattr(each.kind, name))
            if said is not None and method != "HEAD":
                doc = str(getattr(each.kind, name).__doc__)
                yield Served(method, each.path, said, doc)


def _handlers(each: _Path, part: object) -> dict[str, Handler]:
    return {method: getattr(part, name) for method, name in each.functions.items()}
