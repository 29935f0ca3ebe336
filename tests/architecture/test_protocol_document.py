"""docs/protocol.md names every path that is served, with its methods, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

from django.urls import get_resolver
from rest_framework.views import APIView

from executors.gateway.creates import ByToken
from executors.gateway.endpoint import Endpoint
from executors.gateway.routes import routes
from executors.gateway.station import Gateway
from executors.gateway.watches import WatchOrList
from k8s4r.api import operations

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
PREFIX = "/api/v1/"
ROW = re.compile(r"^\| `/?([a-z][^`]*|(?<=/))` \| ([A-Z ]+) \|", re.MULTILINE)


def documented() -> dict[str, set[str]]:
    return {path: set(methods.split()) for path, methods in ROW.findall(DOCUMENT.read_text())}


def general(path: str) -> str:
    """Return a path with each id written as ``{id}``, and each word by its name."""
    path = re.sub(r"<str:(\w+)>", r"{\1}", path)
    return re.sub(r"<uuid:\w+>|\{\w+_id\}", "{id}", path)


def of_django() -> dict[str, set[str]]:
    (api,) = [p for p in get_resolver().url_patterns if str(p.pattern) == PREFIX.lstrip("/")]
    served: dict[str, set[str]] = {}
    for route in api.url_patterns:
        view: type[APIView] = route.callback.cls
        methods = set(operations.methods(view)) - {"HEAD"}
        served[general(str(route.pattern))] = methods
    return served


async def nowhere(scope: object, receive: object, send: object) -> None:
    """Stand behind the gateway."""


def of_gateway() -> dict[str, set[str]]:
    served: dict[str, set[str]] = {}
    for route in routes(Gateway(random=Random(1)), behind=nowhere):
        if route.path.startswith(PREFIX):
            path = general(route.path.removeprefix(PREFIX))
            served[path] = {method for one in endpoints(route.app) for method in one._handlers}
            served[path] -= {"HEAD"}
    return served


def endpoints(app: object) -> Iterator[Endpoint]:
    """Yield what of a path the gateway answers itself; watches and creates share theirs."""
    if isinstance(app, Endpoint):
        yield app
    elif isinstance(app, WatchOrList):
        yield app.endpoint
        yield from endpoints(app.behind)
    elif isinstance(app, ByToken):
        yield app._endpoint


def test_every_path_that_is_served_is_documented_and_no_other():
    django, gateway = of_django(), of_gateway()
    paths = django.keys() | gateway.keys()
    assert documented() == {
        path: django.get(path, set()) | gateway.get(path, set()) for path in paths
    }


def test_the_gateway_and_django_share_only_creates_and_watches():
    django, gateway = of_django(), of_gateway()
    assert django.keys() & gateway.keys() == {"tasks", "agents", "agent-pools", "pods"}
    assert gateway["tasks"] == {"POST", "GET"}
    assert gateway["agents"] == gateway["agent-pools"] == {"GET"}
    assert "POST" in django["tasks"], "browsers with their session create there"
