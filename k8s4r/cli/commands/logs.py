"""`k8s4r logs`: what tasks wrote, and what they write now; what was kept of a pod's log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from k8s4r.cli import (
    endings,
    finding,
    following,
    interleaving,
    logview,
    moments,
    options,
    pod_acts,
    pod_logs,
    webpages,
)
from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.cli.following import Follower
from k8s4r.cli.interleaving import Together
from k8s4r.cli.kinds import TASK, name_of
from k8s4r.cli.logs import LogReader, News
from k8s4r.cli.session import Session
from k8s4r.cli.values import pairs

_MOST_AT_ONCE = 20
Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which part of a log is shown, and how."""

    follow: bool
    tail: int | None
    timestamps: bool
    attempt: int | None
    previous: bool
    since: datetime | None

    @property
    def is_a_part(self) -> bool:
        """Do lines go without a number, for they are not shown from the first on?"""
        return self.tail is not None or self.since is not None

    def attempt_of(self, task: Task) -> int | None:
        """Return the attempt that is meant; ``None``: all of them.

        Raises:
            CliError: there is no such attempt, or none before the latest.
        """
        made = int(task["attempts_made"])
        if not self.previous:
            if self.attempt and self.attempt > made and not self.follow:
                raise _no_attempt(task, f"no attempt {self.attempt}")
            return self.attempt
        if made < 2:
            raise _no_attempt(task, "there is none before it")
        return made - 1


def logs(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="TASK", show_default=False, autocompletion=options.complete_written),
    ] = None,
    label: options.Labels = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the task has ended.")
    ] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="Only the last so many lines.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Written since: 10m, or a written time.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="A time on each line.")] = False,
    attempt: Annotated[int | None, typer.Option(min=1, help="Of this attempt only.")] = None,
    previous: Annotated[
        bool, typer.Option("--previous", help="Of the attempt before the latest.")
    ] = False,
    web: options.Web = False,
) -> None:
    """Print what tasks wrote, or write now.

    With -f until the task ends, and with its exit code; a task that waits says why, and a
    terminal gets the address of the last line in the browser. Several logs are mixed line by
    line, each line behind its task. Ctrl-C stops following, never a task. Of a pod that failed
    (pod/NAME) it prints the end of its log, which was kept.

    k8s4r logs TASK
    k8s4r logs -f --tail 20 nightly
    k8s4r logs -f -l batch=7
    k8s4r logs --since 10m --timestamps --previous TASK
    k8s4r logs pod/k8s4r-gpus-4f1d2a9c7e30
    """
    session: Session = context.obj
    in_pods = [name for name in map(pod_acts.named, tasks or ()) if name is not None]
    if in_pods:
        if len(in_pods) < len(tasks or ()) or follow:
            raise Usage("the log of a pod is printed as it was kept, by itself and without -f")
        pod_logs.show(session, in_pods, web=web)
        return
    shown = Shown(
        follow=follow, tail=tail, timestamps=timestamps, attempt=attempt, previous=previous,
        since=_time(session, since),
    )  # fmt: skip
    found = _meant(session, tasks or (), label or ())
    if web:
        webpages.show(session, TASK, [str(task["id"]) for task in found])
    elif len(found) == 1:
        raise typer.Exit(_one(session, found[0], shown))
    else:
        raise typer.Exit(_several(session, found, shown))


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(logs)


def _no_attempt(task: Task, why: str) -> CliError:
    return CliError(
        f"task {task['id']} had {task['attempts_made']} attempts: {why}",
        exit_code=ExitCode.NOT_FOUND,
    )


def _time(session: Session, text: str | None) -> datetime | None:
    if not text:
        return None
    return datetime.fromisoformat(moments.since(text, session.client.now(), flag="--since"))


def _meant(session: Session, names: Sequence[str], labels: Sequence[str]) -> Sequence[Task]:
    """Return the tasks that are named, or the newest with these labels.

    Raises:
        Usage: neither, or both.
    """
    if bool(names) == bool(labels):
        raise Usage("logs of which task?", hint="name it, or select with -l KEY=VALUE")
    if names:
        return [finding.one(session.client, TASK, name, session.terminal) for name in names]
    wanted = [f"{key}={value}" for key, value in pairs(labels, flag="-l").items()]
    found, more = session.client.items(TASK.path, {"label": wanted}, limit=_MOST_AT_ONCE)
    if not found:
        raise CliError(f"no task has {' '.join(wanted)}", exit_code=ExitCode.NOT_FOUND)
    if more:
        session.terminal.note(f"these are the newest {_MOST_AT_ONCE}; there are more")
    return found


def _reader(session: Session, task: Task, shown: Shown) -> LogReader:
    return LogReader(
        session.client,
        str(task["id"]),
        attempt=shown.attempt_of(task),
        since=shown.since,
        say=session.terminal.note,
    )


def _one(session: Session, task: Task, shown: Shown) -> int:
    terminal, task_id = session.terminal, str(task["id"])
    view = logview.View(terminal, logview.merged(terminal), timestamps=shown.timestamps)
    reader = _reader(session, task, shown)
    news = None
    if shown.tail is not None or not shown.follow:
        news = _so_far(reader, view, shown.tail)
    if shown.follow:
        return _follow(session, Follower(session.client, terminal, task_id, reader, view), shown)
    assert news is not None
    if task["log_bytes"]:
        return ExitCode.DONE
    if news.state == "pending":
        return _say_why_it_waits(session, task_id)
    is_end = news.is_end
    terminal.note(endings.sentence(news.facts) if is_end else f"{news.state}, nothing written yet")
    return ExitCode.DONE


def _several(session: Session, found: Sequence[Task], shown: Shown) -> int:
    """Show logs side by side: followed all at once, else one after the other."""
    readers = [(name_of(task), str(task["id"]), _reader(session, task, shown)) for task in found]
    if not shown.follow:
        names = [name for name, _, _ in readers]
        for (_, _, reader), source in zip(
            readers, interleaving.sources(session.terminal, names), strict=True
        ):
            view = logview.View(session.terminal, source.sink, timestamps=shown.timestamps)
            _so_far(reader, view, shown.tail)
            source.flush()
        return ExitCode.DONE
    if shown.tail is not None:
        raise Usage("--tail and --follow go together for one task only", hint="use --since 1m")
    try:
        return Together(session, readers, shown.timestamps).to_the_end()
    except KeyboardInterrupt:
        session.terminal.note_below("stopped following; the tasks go on. k8s4r cancel ends them")
        return ExitCode.INTERRUPTED


def _so_far(reader: LogReader, view: logview.View, tail: int | None) -> News | None:
    """Show what there is by now, or its last lines; return how the task stands."""
    if tail is not None:
        chunks, news = logview.last_lines(reader.written(), tail)
        for chunk in chunks:
            view.show(chunk)
        return news
    for found in reader.written():
        if isinstance(found, News):
            return found
        view.show(found)
    return None


def _follow(session: Session, follower: Follower, shown: Shown) -> int:
    try:
        code = following.say_how_it_ended(session.terminal, follower.to_the_end())
    except KeyboardInterrupt:
        session.terminal.note_below(
            f"stopped following; the task goes on. k8s4r cancel {follower.task_id} ends it"
        )
        return ExitCode.INTERRUPTED
    if session.terminal.can_ask():
        line = 0 if shown.is_a_part else follower.view.line
        session.terminal.note(webpages.line_of_log(session, follower.task_id, line))
    return code


def _say_why_it_waits(session: Session, task_id: str) -> int:
    reason = session.client.get(f"{TASK.path}/{task_id}/waiting")
    if reason.get("code"):
        session.terminal.note(f"waiting ({reason['code']}): {reason['sentence']}")
    return ExitCode.PENDING
