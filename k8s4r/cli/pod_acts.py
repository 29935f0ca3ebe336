"""How are pods let go from the command line, and which words mean a pod where agents are usual?"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from k8s4r.cli import finding
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.kinds import POD
from k8s4r.cli.session import Session

_EVERY_S: Final = 1.0
_LEFT: Final = frozenset({"deleting", "gone"})
Pod = Mapping[str, Any]


def named(text: str) -> str | None:
    """Return the name behind ``pod/``; ``None`` for what is not a pod."""
    word, slash, name = text.partition("/")
    return name if slash and word.lower() in POD.words else None


def drain(session: Session, name: str, note: str | None) -> Pod:
    """Let a pod finish what it has and be deleted then; return it as it is now."""
    found = finding.one(session.client, POD, name, session.terminal, to_act=True)
    body = {"note": note} if note else {}
    after: Pod = session.client.post(f"{POD.path}/{found['id']}/drain", body)
    session.terminal.write(f"pod/{after['name']} {after['state']}")
    return after


def wait_until_left(session: Session, pods: Sequence[Pod], limit_s: int | None) -> None:
    """Return when every pod is idle and on its way out; say which are not as that changes.

    Raises:
        CliError: the time is up.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause = threading.Event()
    left = {str(pod["id"]): pod for pod in pods}
    told: dict[str, int] = {}
    while left:
        for identity in list(left):
            now = session.client.get(f"{POD.path}/{identity}")
            if now["state"] in _LEFT:
                session.terminal.write(f"pod/{now['name']} safe")
                del left[identity]
            else:
                _tell(session, now, told)
        if left and deadline is not None and time.monotonic() >= deadline:
            raise _too_late(left)
        if left:
            pause.wait(_EVERY_S)


def _tell(session: Session, pod: Pod, told: dict[str, int]) -> None:
    used = pod["slots"]["total"] - pod["slots"]["idle"]
    if told.get(pod["id"]) != used:
        told[pod["id"]] = used
        session.terminal.note(f"{used} slots of {pod['name']} in use")


def _too_late(left: Mapping[str, Pod]) -> CliError:
    names = ", ".join(str(pod["name"]) for pod in left.values())
    return CliError(
        f"the time is up: {names} still at work, and still draining",
        exit_code=ExitCode.TIMED_OUT,
        hint=f"k8s4r describe pod {next(iter(left.values()))['name']}",
    )
