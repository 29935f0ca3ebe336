"""Which addresses may this thread connect to? Asked where names become addresses.

A check before the call would see one answer of the name server and the call another. Every library
asks `socket.getaddrinfo` and connects to what it says: there the answer is checked, for redirects
and for mail servers as well.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Final

from executors.operating.core import addresses
from k8s4r.core.networks import Allowed

_guarded: Final = threading.local()
_resolve: Final[Callable[..., list[Any]]] = socket.getaddrinfo


@contextmanager
def only(allowed: Allowed) -> Iterator[list[str]]:
    """Let the code of the block, in this thread, connect to admitted addresses alone.

    Yields what is refused: libraries tend to keep the reason for themselves.
    """
    socket.getaddrinfo = _checked
    _guarded.allowed, _guarded.refused = allowed, []
    try:
        yield _guarded.refused
    finally:
        _guarded.allowed = None


def _checked(host: Any, *arguments: Any, **options: Any) -> list[Any]:
    """Resolve as ever; other threads, and this one outside of a block, are not concerned."""
    found = _resolve(host, *arguments, **options)
    allowed: Allowed | None = getattr(_guarded, "allowed", None)
    if allowed is not None:
        name = host.decode() if isinstance(host, bytes) else str(host)
        resolved = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        try:
            addresses.check(resolved, name, allowed)
        except PermissionError as error:
            _guarded.refused.append(str(error))
            raise
    return found
