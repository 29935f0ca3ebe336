"""How are several logs shown at once: whole lines, each behind the name of its task?"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.style import Style

from k8s4r.cli import endings
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.following import Follower
from k8s4r.cli.logs import Chunk, LogReader, News
from k8s4r.cli.logview import View
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import Terminal, clean

_COLOURS: Final = ("cyan", "yellow", "magenta", "green", "blue", "red")


@dataclass(slots=True)
class Source:
    """One log among several: what stands before its lines, and what has no line end yet."""

    terminal: Terminal
    prefix: bytes
    lock: threading.Lock
    _rest: dict[tuple[int, str], bytes] = field(default_factory=dict)

    def sink(self, chunk: Chunk, data: bytes) -> None:
        """Write the lines that are complete; keep the rest until its line end comes."""
        origin = (chunk.attempt, chunk.stream)
        text = self._rest.pop(origin, b"") + data
        lines, newline, rest = text.rpartition(b"\n")
        if rest:
            self._rest[origin] = rest
        if newline:
            self._write(lines.split(b"\n"))

    def flush(self) -> None:
        """Write what never got its line end."""
        self._write(list(self._rest.values()))
        self._rest.clear()

    def _write(self, lines: Sequence[bytes]) -> None:
        with self.lock:
            self.terminal.write_bytes(b"".join(self.prefix + line + b"\n" for line in lines))


def sources(terminal: Terminal, names: Sequence[str]) -> list[Source]:
    """Return one source for each name, the prefixes as wide as the longest, in colours."""
    width = max(len(clean(name)) for name in names)
    lock = threading.Lock()
    return [
        Source(terminal, _prefix(terminal, f"[{clean(name)}]".ljust(width + 2), index), lock)
        for index, name in enumerate(names)
    ]


@dataclass(slots=True)
class Together:
    """Follows several tasks at once, each in a thread; ends when all have ended."""

    session: Session
    readers: Sequence[tuple[str, str, LogReader]]
    timestamps: bool = False
    _news: dict[str, News] = field(default_factory=dict)
    _failed: list[CliError] = field(default_factory=list)

    def to_the_end(self) -> int:
        """Return the exit code of the first, in the order of the command line, that failed.

        Raises:
            CliError: a log could not be followed.
        """
        names = [name for name, _, _ in self.readers]
        threads = [
            threading.Thread(target=self._follow, args=(each, source), daemon=True)
            for each, source in zip(
                self.readers, sources(self.session.terminal, names), strict=True
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            # An interrupt arrives between two looks.
            while thread.is_alive():
                thread.join(0.2)
        if self._failed:
            raise self._failed[0]
        codes = [endings.exit_code(self._news[task_id].facts) for _, task_id, _ in self.readers]
        return next((code for code in codes if code), ExitCode.DONE)

    def _follow(self, each: tuple[str, str, LogReader], source: Source) -> None:
        name, task_id, reader = each
        terminal = self.session.terminal
        view = View(terminal, source.sink, timestamps=self.timestamps)
        try:
            news = Follower(
                self.session.client, terminal, task_id, reader, view, prefix=f"[{name}] "
            ).to_the_end()
        except CliError as error:
            self._failed.append(error)
            return
        source.flush()
        self._news[task_id] = news
        terminal.note(f"[{name}] {endings.sentence(news.facts)}")


def _prefix(terminal: Terminal, text: str, index: int) -> bytes:
    if terminal.is_coloured():
        text = Style.parse(_COLOURS[index % len(_COLOURS)]).render(text)
    return text.encode() + b" "
