"""How is one message handed to a service, a web hook or a mail server? By apprise.

It is large, so it is imported when there is something to send: in the worker.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from executors.operating.channels import guard
from executors.operating.core.notices import Severity
from k8s4r.core.networks import Allowed

MOST_OF_AN_ERROR: Final = 500
_SECRET_PART: Final = re.compile(r"[^/:@?&=+]{6,}")
_TYPES: Final = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "failure",
}


class NotSent(Exception):
    """It did not arrive; the text says why, without the address."""


def send(url: str, title: str, body: str, *, severity: Severity, allowed: Allowed) -> None:
    """Send a message; returns once the other side has taken it.

    Raises:
        NotSent: it has not.
    """
    import apprise  # noqa: PLC0415 - a hundred services take their time to load

    asset = apprise.AppriseAsset(http_redirects=False, app_id="k8s4r", app_desc="k8s4r")
    with _complaints() as complaints, guard.only(allowed) as refused:
        door = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if door is None:
            raise NotSent("apprise does not understand this address")
        try:
            taken = door.notify(body=body, title=title, notify_type=_TYPES[severity])
        except (OSError, ValueError, TypeError) as error:
            raise NotSent(_told(str(error), url)) from error
    if not taken:
        why = "; ".join(dict.fromkeys(refused + complaints))
        raise NotSent(_told(why, url) or "the other side did not take it")


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what apprise says of its failure: it answers yes or no and logs the reason.

    It also logs addresses, and parts of them: nothing of that goes into our log.
    """
    said: list[str] = []
    listener = _Listener(said)
    log = logging.getLogger("apprise")
    log.addHandler(listener)
    log.propagate = False
    try:
        yield said
    finally:
        log.removeHandler(listener)


class _Listener(logging.Handler):
    """Keeps warnings and worse."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


def _told(text: str, url: str) -> str:
    """Return a reason for people: cut, and without the parts of the address that open doors."""
    for part in _SECRET_PART.findall(url.partition("://")[2].partition("/")[2]):
        text = text.replace(part, "...")
    userinfo = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    for part in filter(None, userinfo.split(":")):
        text = text.replace(part, "...")
    return " ".join(text.split())[:MOST_OF_AN_ERROR]
