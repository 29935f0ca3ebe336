"""How many calls may one token or session make? Counted per window, told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers. Agents' calls are not counted: a
fleet that cannot report loses work. Without Redis everybody passes.
"""

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from k8s4r.access.principals import Principal
from k8s4r.api import counting
from k8s4r.api.counting import Count
from k8s4r.core.errors import TooMany, Unavailable

_ATTRIBUTE: Final = "calls_counted"
_POLICY: Final = "token"


def spend(request: HttpRequest, principal: Principal) -> None:
    """Count a call of this caller.

    Raises:
        TooMany: over the limit; says when the next window begins.
    """
    [count] = counted([principal])
    setattr(request, _ATTRIBUTE, count)
    check(count)


def counted(callers: Sequence[Principal]) -> list[Count | None]:
    """Count a call of each in one round trip; ``None`` where nobody counts."""
    if not (settings.CALLS_PER_WINDOW and callers):
        return [None for _ in callers]
    names = [f"calls:{caller.token_id}" for caller in callers]
    try:
        return [*counting.counter().counted(names, window_s=settings.CALLS_WINDOW_S)]
    except Unavailable:
        return [None for _ in callers]


def check(count: Count | None) -> None:
    """Refuse the call that was counted if it is one too many.

    Raises:
        TooMany: says when the next window begins.
    """
    if count is not None and count.times > settings.CALLS_PER_WINDOW:
        raise TooMany("too many calls with this token: wait", retry_after_s=count.ends_s)


def tell(request: HttpRequest, response: HttpResponse) -> None:
    """Say in an answer how many calls are left, and for how long."""
    for name, value in headers(getattr(request, _ATTRIBUTE, None)):
        response.headers[name] = value


def headers(count: Count | None) -> list[tuple[str, str]]:
    """Return the two headers for a count, none where nobody counted."""
    if count is None:
        return []
    left = max(0, settings.CALLS_PER_WINDOW - count.times)
    window_s = f"{settings.CALLS_WINDOW_S:g}"
    return [
        ("RateLimit-Policy", f'"{_POLICY}";q={settings.CALLS_PER_WINDOW};w={window_s}'),
        ("RateLimit", f'"{_POLICY}";r={left};t={round(count.ends_s)}'),
    ]
