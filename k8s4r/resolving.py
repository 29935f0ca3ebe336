"""Which addresses does a name have now? Asked within a time that the system does not limit."""

import queue
import socket
import threading
from ipaddress import ip_address
from typing import Final

from k8s4r.core.networks import Address

WITHIN_S: Final = 3.0


class Unresolved(Exception):
    """The name has no address now, or the name server does not answer in time."""


def resolve(host: str, port: int, *, within_s: float = WITHIN_S) -> tuple[Address, ...]:
    """Return the addresses of a host, as the system orders them.

    Raises:
        Unresolved: there is none now.
    """
    found: queue.Queue[tuple[Address, ...]] = queue.Queue()
    # A thread that waits longer ends by itself: nothing waits for it.
    threading.Thread(target=_ask, args=(host, port, found), daemon=True).start()
    try:
        addresses = found.get(timeout=within_s)
    except queue.Empty:
        addresses = ()
    if not addresses:
        raise Unresolved(f"{host} has no address now")
    return addresses


def _ask(host: str, port: int, found: "queue.Queue[tuple[Address, ...]]") -> None:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        entries = []
    texts = [str(entry[4][0]).partition("%")[0] for entry in entries]
    found.put(tuple(ip_address(text) for text in dict.fromkeys(texts)))
