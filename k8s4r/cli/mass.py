"""How is something done to many tasks: counted first, agreed to once, then done to the last one?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8s4r.cli import output, prompts, selecting
from k8s4r.cli.errors import ExitCode
from k8s4r.cli.output import MACHINE, Format
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean


class DryRun(StrEnum):
    """How far a command goes that only shows what it would do."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is done to the selected tasks: ``path`` does it, the words say it.

    ``nothing`` is said when there are none, ``question`` asks, ``left`` names one that was left.
    """

    path: str
    nothing: str
    question: str
    left: str


@dataclass(frozen=True, slots=True)
class How:
    """Whether a person has agreed already, how far to go, and how to write what came of it."""

    agreed: bool
    dry_run: DryRun | None
    format: Format


def act(session: Session, action: Action, selector: dict[str, Any], how: How) -> int:
    """Do it to every selected task and return the exit code; a dry run only shows which.

    Raises:
        Declined, Usage: nobody agreed.
    """
    if how.dry_run is DryRun.CLIENT:
        session.terminal.write(output.as_json({"selector": selector}))
        return ExitCode.DONE
    preview = session.client.post(action.path, {"selector": selector, "dry_run": True})
    counts = preview["counts"]
    if how.dry_run is DryRun.SERVER:
        _show(session, preview if how.format in MACHINE else counts, how.format)
        return ExitCode.DONE
    _say(session, selector, counts)
    if not counts["total"]:
        session.terminal.note(action.nothing)
        return ExitCode.DONE
    prompts.confirm(session.terminal, action.question.format(_tasks(counts)), agreed=how.agreed)
    return _report(session, action, _all(session, action, selector), how.format)


def _all(
    session: Session, action: Action, selector: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Go on until the server says that there is no more; return every result."""
    items: list[Mapping[str, Any]] = []
    body: dict[str, Any] = {"selector": selector}
    while True:
        answer = session.client.post(action.path, body)
        items += answer["items"]
        if not answer["more"]:
            return items
        body["after"] = answer["next"]
        session.terminal.note(f"{len(items)} done, going on")


def _report(
    session: Session, action: Action, items: Sequence[Mapping[str, Any]], format_: Format
) -> int:
    refused = [item for item in items if item["problem"]]
    if format_ in MACHINE:
        session.write_list(items, kind="task", following=None)
    else:
        counts = Counter(_word(item) for item in items)
        said = [f"{count} {word}" for word, count in counts.items()]
        session.terminal.write(", ".join(said) or action.nothing)
    for item in refused:
        session.terminal.note(f"task/{item['id']} {action.left}: {item['problem']['detail']}")
    return ExitCode.CONFLICT if refused else ExitCode.DONE


def _word(item: Mapping[str, Any]) -> str:
    if item["problem"]:
        return "refused"
    if "new_id" in item:
        return "submitted"
    return "stopping" if item["stopping"] else "cancelled"


def _say(session: Session, selector: dict[str, Any], counts: Mapping[str, Any]) -> None:
    """Say how many tasks are meant, in which states, in which pools."""
    session.terminal.note(f"{_tasks(counts)} {selecting.in_words(selector)}")
    for title, name in (("state", "by_state"), ("pool", "by_pool")):
        if counts[name]:
            parts = ", ".join(f"{word} {count}" for word, count in sorted(counts[name].items()))
            session.terminal.note(f"  by {title:<5}  {clean(parts)}")


def _show(session: Session, found: Mapping[str, Any], format_: Format) -> None:
    if format_ in MACHINE:
        session.write_object({"id": "", **found}, kind="tasks")
        return
    session.terminal.write(f"total  {found['total']}")
    for title, name in (("state", "by_state"), ("pool", "by_pool")):
        for word, count in sorted(found[name].items()):
            session.terminal.write(f"{title:<5}  {clean(word)}  {count}")


def _tasks(counts: Mapping[str, Any]) -> str:
    return "1 task" if counts["total"] == 1 else f"{counts['total']} tasks"
