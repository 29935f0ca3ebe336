"""How is a refusal said over HTTP? As ``application/problem+json`` (RFC 9457)."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from k8s4r.api.operations import methods
from k8s4r.core.errors import (
    DomainError,
    Forbidden,
    Malformed,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

logger = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"


class MethodNotAllowed(DomainError):
    """The path exists, but not for this method."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"


class NotAcceptable(DomainError):
    """The caller wants something else than JSON."""

    code, status, title = "not_acceptable", 406, "Only JSON can be answered"


class UnsupportedMediaType(DomainError):
    """The body is not JSON in UTF-8."""

    code, status, title = "unsupported_media_type", 415, "Unsupported kind of body"


class InternalError(DomainError):
    """A defect of ours; its traceback is in the log under the request id."""

    code, status, title = "internal_error", 500, "Internal error"


def problem_for(
    error: DomainError, *, request_id: str, instance: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers (without the content type) and body for a refusal."""
    body = {
        **error.facts,
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "instance": instance,
        "request_id": request_id,
        "errors": [
            {"pointer": each.pointer, "rule": each.rule, "detail": each.detail}
            for each in error.errors
        ],
    }
    return error.status, _headers(error), orjson.dumps(body, default=str)


def response_for(error: DomainError, request: HttpRequest) -> HttpResponse:
    """Return a refusal as Django's response."""
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    status, headers, body = problem_for(error, request_id=request_id, instance=request.path)
    return HttpResponse(body, status=status, headers=dict(headers), content_type=PROBLEM_JSON)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Turn what a view raised into a problem; ``None`` for a defect, which Django logs."""
    meaning = error if isinstance(error, DomainError) else _meaning(error)
    if isinstance(meaning, MethodNotAllowed):
        meaning.facts["allow"] = ", ".join(methods(context["view"]))
    return None if meaning is None else response_for(meaning, context["request"]._request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django cannot read (``handler400``)."""
    return response_for(Malformed("the request cannot be read"), request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses (``handler403``)."""
    return response_for(Forbidden("not allowed"), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that does not exist (``handler404``)."""
    return response_for(NotFound("there is nothing at this path"), request)


def internal_error(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours (``handler500``)."""
    return response_for(InternalError("the server made an error; it is logged"), request)


def _headers(error: DomainError) -> list[tuple[str, str]]:
    headers = []
    if error.status == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="k8s4r"'))
    if error.status == 405 and "allow" in error.facts:
        headers.append(("Allow", str(error.facts["allow"])))
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers.append(("Retry-After", f"{max(1, round(retry_after_s))}"))
    return headers


def _meaning(error: Exception) -> DomainError | None:
    for kind, meaning in _MEANINGS.items():
        if isinstance(error, kind):
            return meaning(error)
    return None


def _database_away(error: Exception) -> DomainError:
    logger.warning("database_unavailable", extra={"error": str(error)})
    return Unavailable("the database is away or busy; try again")


_MEANINGS: Final[Mapping[type[Exception], Callable[[Any], DomainError]]] = {
    Http404: lambda error: NotFound("there is nothing at this path"),
    exceptions.NotFound: lambda error: NotFound("there is nothing at this path"),
    PermissionDenied: lambda error: Forbidden("not allowed"),
    exceptions.NotAuthenticated: lambda error: Unauthenticated("a token is needed"),
    exceptions.AuthenticationFailed: lambda error: Unauthenticated("this token is not valid"),
    exceptions.PermissionDenied: lambda error: Forbidden(str(error.detail)),
    exceptions.MethodNotAllowed: lambda error: MethodNotAllowed(str(error.detail)),
    exceptions.NotAcceptable: lambda error: NotAcceptable(str(error.detail)),
    exceptions.UnsupportedMediaType: lambda error: UnsupportedMediaType(str(error.detail)),
    exceptions.ParseError: lambda error: Malformed(str(error.detail)),
    RequestDataTooBig: lambda error: TooLarge("the body is too large"),
    OperationalError: _database_away,
}
