"""Where does one read the API? The OpenAPI document for machines, and a page of it for people."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from k8s4r.api import answers, reading
from k8s4r.api.operations import Media, operation
from k8s4r.api.rendering import JSONRenderer
from k8s4r.api.requests import API_VERSION

Document = Callable[[], Mapping[str, Any]]


def examples() -> Mapping[str, Any]:
    """Return what was recorded of real calls (`tests/contract/test_examples.py`)."""
    text = resources.files("k8s4r.api").joinpath("examples.json").read_bytes()
    found: Mapping[str, Any] = orjson.loads(text)
    return found


def written(document: Mapping[str, Any]) -> bytes:
    """Return the document as it is kept in the repository and served."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def nothing() -> Mapping[str, Any]:
    """Stand in until the routes say what is served."""
    return {}


class _Public(APIView):
    """What everybody may read, with or without a token; ``document`` is given by the routes."""

    document: Document = staticmethod(nothing)
    authentication_classes = ()

    def conditional(self, request: Request, body: bytes, media_type: str) -> HttpResponseBase:
        """Answer 304 to whoever has it already (RFC 9110, 13.1.2)."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        response = HttpResponse(body, content_type=media_type)
        answer = get_conditional_response(request._request, etag=etag, response=response)
        answer = response if answer is None else answer
        answer.headers["ETag"] = etag
        answer.headers["Cache-Control"] = "no-cache"
        return answer


class IndexView(_Public):
    """``GET /api/v1/``."""

    renderer_classes = (JSONRenderer,)

    @operation(needs=None, caller=None, answers={200: answers.Index, 304: None})
    def get(self, request: Request) -> HttpResponseBase:
        """Show where everything begins: the paths that can be read without knowing an id."""
        return self.conditional(request, _index(self.document, request.path), "application/json")


class DocumentView(_Public):
    """``GET openapi.json``."""

    renderer_classes = (JSONRenderer,)

    @operation(needs=None, caller=None, answers={200: dict[str, Any], 304: None})
    def get(self, request: Request) -> HttpResponseBase:
        """Show the OpenAPI 3.1 document of the whole API."""
        return self.conditional(request, _json(self.document), "application/json")


class PageRenderer(BaseRenderer):
    """Stands for the page in content negotiation: browsers ask for text/html."""

    media_type = "text/html"
    format = "html"


class PageView(_Public):
    """``GET docs``: one page without a script, nothing is loaded from elsewhere."""

    renderer_classes = (PageRenderer,)

    @operation(needs=None, caller=None, answers={200: Media({"text/html": bytes}), 304: None})
    def get(self, request: Request) -> HttpResponseBase:
        """Show the API as a page."""
        return self.conditional(request, _page(self.document), "text/html; charset=utf-8")


@cache
def _index(document: Document, at: str) -> bytes:
    paths = document()["paths"]
    named = {path.removeprefix(at): path for path in paths if path.startswith(at)}
    links = {
        name: path
        for name, path in sorted(named.items())
        if name and "{" not in path and "get" in paths[path]
    }
    return orjson.dumps({"api_version": API_VERSION, "links": links})


@cache
def _json(document: Document) -> bytes:
    return written(document())


@cache
def _page(document: Document) -> bytes:
    return render_to_string("api/reference.html", reading.page(document())).encode()
