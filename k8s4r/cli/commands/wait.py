"""`k8s4r wait`: until tasks have ended, or tasks and agents are in a state."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import endings, finding, kinds, options, plans, suggestions, values
from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.cli.kinds import AGENT, TASK, Kind
from k8s4r.cli.session import Session

_EVERY_S: Final = 0.5
_MOST_S: Final = 3.0
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for: ``query`` gives fields and the values of them that are good."""

    kind: Kind
    word: str
    query: Mapping[str, str]

    def is_reached(self, item: Item) -> bool:
        """Is it so now?"""
        return all(str(item[name]) in values.split(",") for name, values in self.query.items())

    def is_lost(self, item: Item) -> bool:
        """Can it never become so? A task that has ended stays as it is."""
        return self.kind is TASK and item["state"] in endings.FINAL and not self.is_reached(item)


def wait(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(metavar="TASK", show_default=False, autocompletion=options.complete_task),
    ],
    *,
    goal: Annotated[
        str | None,
        typer.Option("--for", metavar="state=STATE", help="Until they are so; else: ended."),
    ] = None,
    timeout: options.Timeout = None,
) -> None:
    """Wait until tasks have ended, or tasks or agents are in a state.

    Without --for the exit code is 0 when all completed, 1 when one failed, 2 when one was
    cancelled; with --for it is 1 when a task ended without having been in that state. A task whose
    plan waits for a decision has not ended: it says so, and the waiting goes on.

    k8s4r wait TASK
    k8s4r wait --timeout 10m build test
    k8s4r wait --for state=running TASK
    k8s4r wait --for state=online agent/web-1
    """
    session: Session = context.obj
    limit_s = values.duration_s(timeout, flag="--timeout") if timeout else None
    kind, names = _meant(what)
    wanted = _goal(kind, goal)
    waiting = {}
    for text in names:
        found = finding.one(session.client, kind, text, session.terminal)
        waiting[str(found["id"])] = found
    reached = _until(session, waiting, wanted, limit_s)
    raise typer.Exit(_verdict(reached) if goal is None else ExitCode.DONE)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(wait)


def _meant(words: list[str]) -> tuple[Kind, list[str]]:
    """Return the kind and the names; tasks need not be called so."""
    if "/" in words[0]:
        return kinds.split(words)
    kind, names = kinds.split(words, TASK)
    return kind, names


def _goal(kind: Kind, text: str | None) -> Goal:
    """Return what is waited for.

    Raises:
        Usage: there is no such state.
    """
    if text is None:
        if kind is not TASK:
            raise Usage(f"{kind.name}s do not end", hint="--for state=online, for example")
        return Goal(kind, "ended", kind.states["ended"])
    word = text.removeprefix("state=").removeprefix("=")
    if kind not in {TASK, AGENT} or word not in kind.states:
        raise Usage(
            f"--for {text!r}: {kind.name}s have {', '.join(kind.states) or 'no states'}",
            hint=suggestions.did_you_mean(word, kind.states),
        )
    return Goal(kind, word, kind.states[word])


def _until(
    session: Session, waiting: dict[str, Item], goal: Goal, limit_s: int | None
) -> list[Item]:
    """Return the things when all are so; say each as it comes.

    Raises:
        CliError: the time is up, or a task can never be so.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause, pause_s, reached = threading.Event(), _EVERY_S, []
    told: set[str] = set()
    while True:
        for item in [item for item in waiting.values() if goal.is_reached(item)]:
            session.terminal.write(_said(goal, item))
            reached.append(waiting.pop(str(item["id"])))
        if not waiting:
            return reached
        _check(waiting, goal, lambda: deadline is not None and time.monotonic() >= deadline)
        _tell_of_plans(session, waiting.values(), told)
        pause.wait(_within(pause_s, deadline))
        pause_s = min(pause_s * 1.5, _MOST_S)
        waiting = {identity: _fresh(session.client, goal.kind, identity) for identity in waiting}


def _check(waiting: Mapping[str, Item], goal: Goal, is_late: Callable[[], bool]) -> None:
    for item in waiting.values():
        if goal.is_lost(item):
            raise CliError(
                f"task {item['id']} ended and was never seen {goal.word}: {endings.sentence(item)}"
            )
    if is_late():
        raise _too_late(waiting, goal.kind)


def _tell_of_plans(session: Session, waiting: Iterable[Item], told: set[str]) -> None:
    """Say once of each task that waits for a person what it waits for."""
    for item in waiting:
        if item.get("state") == "apply_pending" and str(item["id"]) not in told:
            told.add(str(item["id"]))
            session.terminal.note(plans.waits(item))


def _said(goal: Goal, item: Item) -> str:
    if goal.kind is TASK:
        return f"task/{item['id']} {endings.sentence(item)}"
    return f"{goal.kind.name}/{item['name']} {goal.word}"


def _within(pause_s: float, deadline: float | None) -> float:
    return pause_s if deadline is None else max(0.0, min(pause_s, deadline - time.monotonic()))


def _fresh(client: Client, kind: Kind, identity: str) -> Item:
    found: Item = client.get(f"{kind.path}/{identity}")
    return found


def _too_late(waiting: Mapping[str, Item], kind: Kind) -> CliError:
    first = next(iter(waiting))
    standing = "state" if kind is TASK else "status"
    states = ", ".join(f"{identity} is {item[standing]}" for identity, item in waiting.items())
    return CliError(
        f"the time is up: {states}",
        exit_code=ExitCode.TIMED_OUT,
        hint=f"k8s4r why {first}" if kind is TASK else f"k8s4r describe {kind.name} {first}",
    )


def _verdict(ended: list[Item]) -> int:
    states = {str(task["state"]) for task in ended}
    if states - {"completed", "cancelled"}:
        return ExitCode.FAILED
    return ExitCode.CANCELLED if "cancelled" in states else ExitCode.DONE
