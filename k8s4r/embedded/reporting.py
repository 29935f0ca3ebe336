"""What does a person see while the platform runs? One line per part and event, on stderr."""

import sys
from dataclasses import dataclass
from typing import TextIO

NAME_WIDTH = 10


@dataclass(frozen=True, slots=True)
class Report:
    """Writes lines; on a terminal also one that is replaced while something takes time."""

    stream: TextIO

    def busy(self, name: str, what: str) -> None:
        """Say what takes time right now; nothing where lines cannot be taken back."""
        if self.stream.isatty():
            self._write(f"\r\x1b[K  {name:<{NAME_WIDTH}} {what} ...")

    def line(self, name: str, what: str) -> None:
        """Say what happened to a part."""
        start = "\r\x1b[K" if self.stream.isatty() else ""
        self._write(f"{start}  {name:<{NAME_WIDTH}} {what}\n")

    def plain(self, text: str) -> None:
        """Say something about the whole."""
        start = "\r\x1b[K" if self.stream.isatty() else ""
        self._write(f"{start}{text}\n")

    def _write(self, text: str) -> None:
        # Nobody may read any more, such as a closed terminal: the platform goes on.
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            return


def on_stderr() -> Report:
    """Return the report that people read; stdout is for data."""
    return Report(sys.stderr)


def seconds(duration_s: float) -> str:
    """Return a duration as people say it."""
    if duration_s < 10:
        return f"{duration_s:.1f} s"
    return f"{duration_s:.0f} s" if duration_s < 120 else f"{duration_s / 60:.0f} min"
