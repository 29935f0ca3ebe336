"""What is a pod of ours called? Always the same for the same row, so that a create can be repeated.

Names are DNS labels of at most 63 characters (RFC 1123), as host names of pods are.
"""

import re
from typing import Final
from uuid import UUID

LONGEST: Final = 63
_NOT_DNS: Final = re.compile(r"[^a-z0-9-]+")


def slot_pod(pool: str, pod_id: UUID) -> str:
    """Return the name of a pod with slots: its pool, and the random end of its id."""
    return _joined("k8s4r", pool, pod_id.hex[-12:])


def task_pod(task_id: UUID, number: int, workspace: str = "") -> str:
    """Return the name of a pod for one task: ``task-{id}``, or ``terraform-{workspace}-{id}``.

    ``number`` counts the pods that were made for the task; further ones carry it at the end.
    """
    end = str(task_id) if number == 1 else f"{task_id}-{number}"
    return _joined("terraform", workspace, end) if workspace else f"task-{end}"


def _joined(head: str, middle: str, end: str) -> str:
    """Join three parts; the middle one is what is shortened."""
    room = LONGEST - len(head) - len(end) - 2
    cleaned = _NOT_DNS.sub("-", middle.lower())[:room].strip("-")
    return "-".join(part for part in (head, cleaned, end) if part)
