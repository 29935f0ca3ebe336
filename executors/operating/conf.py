"""Which policies do the environment's settings make for messages?"""

from functools import cache

from django.conf import settings

from k8s4r.core.networks import Allowed, allowed_from


@cache
def _allowed(text: str) -> Allowed:
    return allowed_from(text)


def allowed() -> Allowed:
    """Return where messages may go besides the public internet."""
    return _allowed(settings.ENV.notify_allowed_hosts)


def site() -> str:
    """Return what the addresses of our pages begin with."""
    return settings.ENV.url.rstrip("/")
