"""Where are the files of an attempt?

spool/attempts/ID           the folder that its work runs in
spool/output/ID.stdout      what it wrote, kept until acknowledged; ID.stderr likewise
"""

from typing import Literal, NamedTuple, TypeAlias

Stream: TypeAlias = Literal["stdout", "stderr"]


class Files(NamedTuple):
    """The paths of one attempt; only a driver that needs them makes them.

    They are text: a `Path` costs more to make than most of what is done with it.
    """

    work: str
    stdout: str
    stderr: str

    def output(self, stream: Stream) -> str:
        return self.stdout if stream == "stdout" else self.stderr
