"""Where are the files of an attempt?

spool/attempts/ID           the folder that its work runs in
spool/output/ID.stdout      what it wrote, kept until acknowledged; ID.stderr likewise
"""

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Stream: TypeAlias = Literal["stdout", "stderr"]


class Files(NamedTuple):
    """The paths of one attempt; only a driver that needs them makes them."""

    work: Path
    stdout: Path
    stderr: Path

    def output(self, stream: Stream) -> Path:
        return self.stdout if stream == "stdout" else self.stderr
