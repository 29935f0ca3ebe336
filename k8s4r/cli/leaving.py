"""When is what was drained done with its work, so that it may be switched off?"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.session import Session

_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Left:
    """What is still on it, in lines; they are said again when ``key`` is another than before."""

    key: Any
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Leaver:
    """Something that leaves: its name, how to look at it, and where a person reads on.

    A look returns what is left; ``None``: nothing, it is safe.
    """

    name: str
    look: Callable[[], Left | None]
    hint: str


def wait_until_safe(session: Session, leavers: Sequence[Leaver], limit_s: int | None) -> None:
    """Return when nothing is left on any of them; say what is left as it changes.

    Raises:
        CliError: the time is up for all of them together, or a look says that it will not be.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause = threading.Event()
    told: dict[str, Any] = {}
    waiting = list(leavers)
    while waiting := [one for one in waiting if not _is_safe(session, one, told)]:
        if deadline is not None and time.monotonic() >= deadline:
            raise _too_late(waiting)
        pause.wait(_EVERY_S)


def _is_safe(session: Session, leaver: Leaver, told: dict[str, Any]) -> bool:
    left = leaver.look()
    if left is None:
        session.terminal.write(f"{leaver.name} safe")
        return True
    if told.get(leaver.name) != left.key:
        told[leaver.name] = left.key
        for line in left.lines:
            session.terminal.note(line)
    return False


def _too_late(waiting: Sequence[Leaver]) -> CliError:
    names = ", ".join(one.name.partition("/")[2] for one in waiting)
    return CliError(
        f"the time is up: {names} still at work, and still draining",
        exit_code=ExitCode.TIMED_OUT,
        hint=waiting[0].hint,
    )
