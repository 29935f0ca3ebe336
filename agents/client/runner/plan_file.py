"""Which bytes are the plan of an attempt? Those that were left under one name in its folder.

The work may run as another user: a link to a file of somebody else's is no plan.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import Final

from agents.wire.orders import ARTIFACT_BYTES

NAME: Final = "k8s4r.plan"
_READ_BYTES: Final = 1024 * 1024


class NotStorable(Exception):
    """What lies there cannot be kept as a plan; the message says why."""


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as it is on disk."""

    path: str
    sha256: str
    size_bytes: int


def of(folder: str) -> PlanFile | None:
    """Return the plan that lies in a folder; ``None``: nothing was left there.

    Raises:
        NotStorable: it is no plain file of its own, too large, or cannot be read.
    """
    path = f"{folder}/{NAME}"
    try:
        descriptor = opened(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotStorable(f"the plan cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise NotStorable("the plan is not a plain file of its own")
        if found.st_size > ARTIFACT_BYTES:
            raise NotStorable(f"the plan has {found.st_size} bytes, at most {ARTIFACT_BYTES} go")
        digest = hashlib.sha256()
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return PlanFile(path, digest.hexdigest(), found.st_size)


def changed(folder: str, sha256: str) -> str:
    """Say what is wrong with the plan in a folder if it is not what was approved; else nothing.

    ``sha256`` is empty where no plan was left: none may lie there then.
    """
    try:
        found = of(folder)
    except NotStorable as error:
        return str(error)
    if (found.sha256 if found else "") == sha256 and os.path.isdir(folder):
        return ""
    return "the plan on this machine is not the one that was approved"


def opened(path: str) -> int:
    """Return a descriptor of the file itself, never of what a link points to."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
