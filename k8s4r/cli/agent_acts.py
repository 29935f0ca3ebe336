"""How are people's wishes put to agents from the command line, and what is left on one?"""

from collections.abc import Mapping
from typing import Any, Final

from k8s4r.cli import ages, finding
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.kinds import AGENT, OPEN_STATES, name_of
from k8s4r.cli.leaving import Leaver, Left
from k8s4r.cli.session import Session

_MOST_NAMED: Final = 20
Agent = Mapping[str, Any]


def ask(session: Session, name: str, word: str, body: Mapping[str, Any]) -> Agent:
    """Ask it of an agent; return it as it is now."""
    found = finding.one(session.client, AGENT, name, session.terminal, to_act=True)
    after: Agent = session.client.post(f"{AGENT.path}/{found['id']}/{word}", body)
    session.terminal.write(f"agent/{after['name']} {after['desired']}, {after['status']}")
    return after


def leaver(session: Session, agent: Agent) -> Leaver:
    """Return a drained agent as something to wait for."""
    name = str(agent["name"])
    hint = f"k8s4r get tasks --agent {name} --state open"
    return Leaver(f"agent/{name}", lambda: _left(session, agent), hint)


def _left(session: Session, agent: Agent) -> Left | None:
    """Return the tasks that are left on an agent.

    Raises:
        CliError: a person let it work again.
    """
    status = session.client.get(f"{AGENT.path}/{agent['id']}/status")
    if status["desired"] == "active":
        raise CliError(
            f"agent {agent['name']} was resumed by somebody meanwhile",
            exit_code=ExitCode.CONFLICT,
            hint=f"k8s4r drain {agent['name']}",
        )
    return None if status["safe"] else _tasks(session, agent)


def _tasks(session: Session, agent: Agent) -> Left:
    path = f"{AGENT.path}/{agent['id']}/tasks"
    tasks, more = session.client.items(path, {"state": OPEN_STATES}, limit=_MOST_NAMED)
    if not tasks:
        return Left([], [f"{agent['name']}: its last attempt ends"])
    now = session.client.server_time
    lines = [f"{len(tasks)}{' or more' if more else ''} left on {agent['name']}:"]
    for task in tasks:
        since = ages.age(task["started_at"], now)
        lines.append(f"  task/{task['id']}  {name_of(task)}  {task['state']} for {since}")
    return Left([str(task["id"]) for task in tasks], lines)
