"""How is a task followed to its end, whatever happens in between?"""

from dataclasses import dataclass
from typing import Final

from k8s4r.cli import ages, endings, plans
from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError
from k8s4r.cli.kinds import TASK
from k8s4r.cli.logs import LogReader, News
from k8s4r.cli.logview import View
from k8s4r.cli.terminal import Terminal, clean
from k8s4r.cli.watching import WaitingWatch

# Before them a task waits, which is explained; after them it has ended, which is said last.
_NARRATED: Final = frozenset({"dispatching", "running"})


@dataclass(slots=True)
class Follower:
    """Follows one task; called again after an interrupt, it goes on where it was.

    ``narrate``: say each state between the lines of output, as it comes; ``prefix`` stands before
    whatever is said.
    """

    client: Client
    terminal: Terminal
    task_id: str
    reader: LogReader
    view: View
    narrate: bool = False
    prefix: str = ""
    _watch: WaitingWatch | None = None
    _told: str = ""
    _progress: str = ""

    def to_the_end(self) -> News:
        """Show everything until the task has ended; return how it did."""
        try:
            for found in self.reader.follow():
                if not isinstance(found, News):
                    self.view.show(found)
                elif found.is_end:
                    return found
                else:
                    self._tell(found)
        finally:
            self._look_away()
        raise AssertionError("a log ends with its task")

    def _tell(self, news: News) -> None:
        """Explain a task that waits; say what only a person can mend."""
        if news.state == "pending" and self._watch is None:
            self._watch = WaitingWatch(self.client, self.task_id, self._say)
        if news.state != "pending":
            self._look_away()
        if news.state == "unknown" and self._told != news.state:
            self._say(
                "unknown: its agent is away and the task may still run there; it goes on when the"
                f" agent is back, or when a person resolves it: k8s4r describe task {self.task_id}"
            )
        if news.state == "apply_pending" and self._told != news.state:
            self._say(plans.waits(self.client.get(f"{TASK.path}/{self.task_id}")))
        if self.narrate and news.state != self._told and news.state in _NARRATED:
            self._say(self._standing(news))
        self._told = news.state
        if self.narrate:
            self._tell_progress(news)

    def _tell_progress(self, news: News) -> None:
        """Say how far the work is, once for each whole percent and each other text."""
        share, text = news.facts.get("progress"), str(news.facts.get("progress_text", ""))
        said = "" if share is None else ages.percent(float(share)) + (f", {text}" if text else "")
        if said and said != self._progress:
            self._say(clean(said))
        self._progress = said

    def _say(self, text: str) -> None:
        self.terminal.note(self.prefix + text)

    def _standing(self, news: News) -> str:
        """Return ``running on web-1``, with the number of an attempt that is not the first."""
        attempt = int(news.facts.get("attempt") or 0)
        try:
            agent = self.client.get(f"{TASK.path}/{self.task_id}").get("agent")
        except CliError:
            agent = None
        again = f", attempt {attempt}" if attempt > 1 else ""
        return f"{news.state}{f' on {agent}' if agent else ''}{again}"

    def _look_away(self) -> None:
        if self._watch:
            self._watch.stop()
            self._watch = None


def say_how_it_ended(terminal: Terminal, news: News) -> int:
    """Return the task's own code, and say on stderr why it is not 0."""
    if news.state != "completed":
        terminal.note(endings.sentence(news.facts))
    return endings.exit_code(news.facts)
