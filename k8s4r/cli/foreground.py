"""How does a task feel as if it ran here: its output, its states, its end, and Ctrl-C?"""

import threading
from typing import Final

from k8s4r.cli import following, logview
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.following import Follower
from k8s4r.cli.logs import LogReader
from k8s4r.cli.session import Session

_SECOND_PRESS_S: Final = 3.0


def stay(session: Session, task_id: str) -> int:
    """Show the task to its end and return its exit code; an interrupt leaves it, two cancel it."""
    terminal = session.terminal
    follower = Follower(
        session.client,
        terminal,
        task_id,
        LogReader(session.client, task_id, say=terminal.note),
        logview.View(terminal, logview.split(terminal)),
        narrate=True,
    )
    try:
        terminal.note(f"task {task_id}")
        return following.say_how_it_ended(terminal, follower.to_the_end())
    except KeyboardInterrupt:
        return _interrupted(session, follower)


def _interrupted(session: Session, follower: Follower) -> int:
    terminal, task_id = session.terminal, follower.task_id
    try:
        terminal.note_below(
            f"stopped following; Ctrl-C again within {_SECOND_PRESS_S:g} s cancels the task"
        )
        threading.Event().wait(_SECOND_PRESS_S)
    except KeyboardInterrupt:
        return _cancel(session, follower)
    terminal.note(f"the task goes on: k8s4r logs -f {task_id} follows it again")
    return ExitCode.INTERRUPTED


def _cancel(session: Session, follower: Follower) -> int:
    """Cancel the task and stay until it has ended, or until a third interrupt."""
    terminal = session.terminal
    try:
        session.client.post(f"/api/v1/tasks/{follower.task_id}/cancel")
        terminal.note_below("cancelling; Ctrl-C again stops waiting for its end")
    except CliError as error:
        terminal.note_below(f"not cancelled: {error.message}")
    try:
        following.say_how_it_ended(terminal, follower.to_the_end())
    except KeyboardInterrupt:
        terminal.note_below(f"k8s4r get task {follower.task_id} shows how it ends")
    return ExitCode.INTERRUPTED
