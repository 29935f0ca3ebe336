"""Which request is this? An id for logs, events and answers, and what a view may ask of it."""

import logging
import re
import secrets
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from k8s4r.access.principals import Principal
from k8s4r.api import rates
from k8s4r.audit import attribution
from k8s4r.core import traces

logger = logging.getLogger(__name__)

HEADER: Final = "X-Request-Id"
VERSION_HEADER: Final = "X-Api-Version"
API_VERSION: Final = "v1"
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class RequestContextMiddleware:
    """Gives each request its id, in the logging context and in the answer.

    The trace of the caller, told by ``traceparent``, stands on the log lines too.
    The history takes the address of the client from here; no header is believed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_from(request.META.get("HTTP_X_REQUEST_ID", ""))
        address = request.META.get("REMOTE_ADDR", "")
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id, **_trace(request)),
            attribution.origin(address),
        ):
            response = self._get_response(request)
            if request.path.startswith("/api/"):
                response.headers.setdefault("Cache-Control", _caching(request, response))
                response.headers[VERSION_HEADER] = API_VERSION
                rates.tell(request, response)
            logger.debug(
                "request_answered",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                },
            )
        response.headers[HEADER] = request_id
        return response


def request_id_from(given: str) -> str:
    """Return the caller's own id when it is a harmless word, else a new one."""
    return given if _HARMLESS.fullmatch(given) else secrets.token_hex(8)


def _trace(request: HttpRequest) -> dict[str, str]:
    found = traces.trace_id(request.META.get("HTTP_TRACEPARENT", ""))
    return {"trace_id": found} if found else {}


def _caching(request: HttpRequest, response: HttpResponse) -> str:
    """Say that what can be asked for again by its ``ETag`` may be kept, and nothing else."""
    kept = request.method == "GET" and response.has_header("ETag")
    return "private, no-cache" if kept else "no-store"


def principal_of(request: Request) -> Principal:
    """Return who calls; for views whose permission let only known callers in."""
    principal = request.auth
    assert isinstance(principal, Principal)
    return principal
