"""What does an agent still have to finish before its machine may be switched off?"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from k8s4r.cli import ages
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.kinds import AGENT, OPEN_STATES, name_of
from k8s4r.cli.session import Session

_EVERY_S: Final = 1.0
_MOST_NAMED: Final = 20
Agents = Sequence[Mapping[str, Any]]


def wait_until_safe(session: Session, agents: Agents, limit_s: int | None) -> None:
    """Return when every agent runs nothing and gets nothing; say what is left as it changes.

    Raises:
        CliError: the time is up, or a person let one of them work again.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause = threading.Event()
    left = {str(agent["id"]): agent for agent in agents}
    told: dict[str, list[str]] = {}
    while left:
        for identity, agent in list(left.items()):
            if _is_safe(session, agent):
                session.terminal.write(f"agent/{agent['name']} safe")
                del left[identity]
            else:
                _tell(session, agent, told)
        if left and deadline is not None and time.monotonic() >= deadline:
            raise _too_late(left)
        if left:
            pause.wait(_EVERY_S)


def _is_safe(session: Session, agent: Mapping[str, Any]) -> bool:
    status = session.client.get(f"{AGENT.path}/{agent['id']}/status")
    if status["desired"] == "active":
        raise CliError(
            f"agent {agent['name']} was resumed by somebody meanwhile",
            exit_code=ExitCode.CONFLICT,
            hint=f"k8s4r drain {agent['name']}",
        )
    return bool(status["safe"])


def _tell(session: Session, agent: Mapping[str, Any], told: dict[str, list[str]]) -> None:
    """Name the tasks that are left, again whenever they are others than before."""
    path = f"{AGENT.path}/{agent['id']}/tasks"
    tasks, more = session.client.items(path, {"state": OPEN_STATES}, limit=_MOST_NAMED)
    ids = [str(task["id"]) for task in tasks]
    if told.get(str(agent["id"])) == ids:
        return
    told[str(agent["id"])] = ids
    some = f"{len(tasks)}{' or more' if more else ''} left on {agent['name']}"
    session.terminal.note(f"{some}:" if tasks else f"{agent['name']}: its last attempt ends")
    for task in tasks:
        since = ages.age(task["started_at"], session.client.server_time)
        session.terminal.note(f"  task/{task['id']}  {name_of(task)}  {task['state']} for {since}")


def _too_late(left: Mapping[str, Mapping[str, Any]]) -> CliError:
    names = ", ".join(str(agent["name"]) for agent in left.values())
    return CliError(
        f"the time is up: {names} still at work, and still draining",
        exit_code=ExitCode.TIMED_OUT,
        hint=f"k8s4r get tasks --agent {next(iter(left.values()))['name']} --state open",
    )
