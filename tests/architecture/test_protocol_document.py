"""docs/protocol.md names every path that is served, with its methods, and no other."""

import re
from pathlib import Path
from random import Random

from django.urls import get_resolver
from rest_framework.views import APIView

from executors.gateway.routes import routes
from executors.gateway.station import Gateway

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
PREFIX = "/api/v1/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROW = re.compile(r"^\| `([a-z][^`]*)` \| ([A-Z ]+) \|", re.MULTILINE)


def documented() -> dict[str, set[str]]:
    return {path: set(methods.split()) for path, methods in ROW.findall(DOCUMENT.read_text())}


def general(path: str) -> str:
    """Return a path with each id written as ``{id}``."""
    return re.sub(r"<uuid:\w+>|\{\w+_id\}", "{id}", path)


def of_django() -> dict[str, set[str]]:
    (api,) = [p for p in get_resolver().url_patterns if str(p.pattern) == PREFIX.lstrip("/")]
    served: dict[str, set[str]] = {}
    for route in api.url_patterns:
        view: type[APIView] = route.callback.cls
        methods = {method for method in METHODS if hasattr(view, method.lower())}
        served[general(str(route.pattern))] = methods
    return served


def of_gateway() -> dict[str, set[str]]:
    served: dict[str, set[str]] = {}
    for route in routes(Gateway(random=Random(1))):
        if route.path.startswith(PREFIX):
            served[general(route.path.removeprefix(PREFIX))] = set(route.app._handlers) - {"HEAD"}
    return served


def test_every_path_that_is_served_is_documented_and_no_other():
    assert documented() == of_django() | of_gateway()


def test_the_gateway_and_django_do_not_serve_the_same_path():
    assert not of_django().keys() & of_gateway().keys()
