"""Which path is answered by the gateway, and by which method?"""

from collections.abc import Mapping

from starlette.routing import Route
from starlette.types import ASGIApp

from executors import creation
from executors.gateway.agents import AgentEndpoints
from executors.gateway.creates import ByToken
from executors.gateway.endpoint import Endpoint, Handler
from executors.gateway.logs import LogEndpoint
from executors.gateway.station import Gateway
from executors.gateway.watches import WatchOrList


def routes(gateway: Gateway, *, behind: ASGIApp) -> list[Route]:
    """Return the gateway's paths, which match exactly; two of them it shares with ``behind``."""
    agents = AgentEndpoints(gateway.calls, gateway.claims, gateway.followers, gateway.bodies)
    logs = LogEndpoint(gateway.followers)
    health = gateway.health
    # The busiest first: paths are tried in this order.
    table: list[tuple[str, Mapping[str, Handler]]] = [
        ("/api/v1/agents/{agent_id}/heartbeat", {"POST": agents.heartbeat}),
        ("/api/v1/agents/{agent_id}/reports", {"POST": agents.reports}),
        ("/api/v1/agents/{agent_id}/claims", {"POST": agents.claims}),
        ("/api/v1/agents/{agent_id}/session", {"POST": agents.session}),
        ("/api/v1/agents/register", {"POST": agents.register}),
        ("/api/v1/attempts/{attempt_id}/artifacts/{name}", {"PUT": gateway.artifacts.put}),
        ("/api/v1/tasks/{task_id}/logs", {"GET": logs.get}),
        ("/healthz", {"GET": health.alive, "HEAD": health.alive}),
        ("/readyz", {"GET": health.ready, "HEAD": health.ready}),
        ("/metrics", {"GET": gateway.metrics.scrape}),
    ]
    watch = Endpoint({"GET": gateway.watches.get})
    tasks = WatchOrList(watch, ByToken(gateway.creates, behind=behind))
    return [
        *(Route(path, Endpoint(handlers)) for path, handlers in table),
        Route(creation.ROUTE, tasks),
        Route("/api/v1/agents", WatchOrList(watch, behind)),
    ]
