"""What is a running server of ours to whom it was started for? An address, and a way to end it."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from k8s4r.embedded.programs import Child, Program, await_ready, launch


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: connect to ``url``; it ends with the ``with`` block, or by ``stop``."""

    url: str
    child: Child

    @property
    def pid(self) -> int:
        return self.child.pid

    def stop(self) -> None:
        """Stop it cleanly: what it was told is on disk."""
        self.child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def ready(program: Program, *, within_s: float) -> Child:
    """Start the program and wait until it answers; one that does not is stopped again."""
    child = launch(program)
    try:
        await_ready(child, within_s=within_s)
    except BaseException:
        child.stop()
        raise
    return child
