"""What stands at the very front, where people and programs come with nothing but the address?"""

from typing import Final

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.cache import patch_vary_headers

from k8s4r.api import problems
from k8s4r.api.problems import MethodNotAllowed

CONSOLE: Final = "/admin/"
_LINKS: Final = {
    "api": "/api/v1/",
    "docs": "/api/v1/docs",
    "openapi": "/api/v1/openapi.json",
    "console": CONSOLE,
}
# Who takes anything is a program: browsers name what they show.
_KINDS: Final = ["application/json", "text/html"]


def front(request: HttpRequest) -> HttpResponseBase:
    """``GET /``: lead a browser to the console, tell others where everything is."""
    if request.method not in {"GET", "HEAD"}:
        allowed = "GET, HEAD"
        return problems.response_for(
            MethodNotAllowed(f"allowed here: {allowed}", allow=allowed), request
        )
    is_browser = request.get_preferred_type(_KINDS) == "text/html"
    answer = HttpResponseRedirect(CONSOLE) if is_browser else JsonResponse({"links": _LINKS})
    patch_vary_headers(answer, ["Accept"])
    answer.headers["Cache-Control"] = "no-store"
    return answer
