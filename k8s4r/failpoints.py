"""Where may a test stop or break this process? At named points, armed one at a time.

``K8S4R_FAILPOINTS`` names a folder, and ``K8S4R_DEBUG`` must be set. A file there arms the point of
its name; what it says happens once: ``exit`` ends the process as a crash would, ``raise`` fails.
"""

import os
from pathlib import Path
from typing import Final

from django.conf import settings

CRASHED: Final = 86
_ARMED: Final = (
    Path(settings.ENV.failpoints) if settings.DEBUG and settings.ENV.failpoints else None
)


class Broken(Exception):
    """A test wanted a failure here."""


def reach(name: str) -> None:
    """Do what a test armed at this point; outside of tests, nothing.

    Raises:
        Broken: the point was armed with ``raise``.
    """
    if _ARMED is None:
        return
    try:
        action = (_ARMED / name).read_text()
        (_ARMED / name).unlink()
    except FileNotFoundError:
        return
    if action == "exit":
        os._exit(CRASHED)
    raise Broken(name)
