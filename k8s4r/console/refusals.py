"""How does a browser see that a page is not there or not for it? In the look of the others.

Callers of the API get problem+json, as everywhere.
"""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from k8s4r.api import problems

_PAGES = "/admin/"


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer somebody who may not do this."""
    if not _is_browser(request):
        return problems.forbidden(request, exception)
    return _page(request, 403, "Not for you", exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer where nothing is, or nothing for this person."""
    if not _is_browser(request):
        return problems.not_found(request, exception)
    return _page(request, 404, "Nothing is here", exception)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from one of our pages, or is too old."""
    if not _is_browser(request):
        return problems.forbidden(request, PermissionDenied(reason))
    return _page(request, 403, "This form is too old", None)


def _is_browser(request: HttpRequest) -> bool:
    return request.path.startswith(_PAGES) and request.accepts("text/html")


def _page(
    request: HttpRequest, status: int, title: str, exception: Exception | None
) -> HttpResponse:
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "status": status,
        "said": str(exception or "")[:200] if status == 403 else "",
    }
    return HttpResponse(
        render_to_string("console/refusal.html", context, request=request), status=status
    )
