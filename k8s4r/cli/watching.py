"""What is a person told while a task does not run yet?"""

import threading
from collections.abc import Callable
from typing import Final

from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError

# Most tasks start sooner than anybody could read a reason.
_FIRST_LOOK_S: Final = 1.0
_EVERY_S: Final = 5.0


class WaitingWatch:
    """Says why the task waits, once per reason, from a thread of its own until it is stopped."""

    def __init__(self, client: Client, task_id: str, say: Callable[[str], None]) -> None:
        self._client = client
        self._path = f"/api/v1/tasks/{task_id}/waiting"
        self._say = say
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="waiting", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._done.set()

    def _watch(self) -> None:
        told, pause_s = "", _FIRST_LOOK_S
        while not self._done.wait(pause_s):
            pause_s = _EVERY_S
            try:
                reason = self._client.get(self._path)
            except CliError:
                # Whoever follows the log sees the same trouble and says so.
                continue
            code, sentence = str(reason.get("code") or ""), str(reason.get("sentence") or "")
            if code and code != told and not self._done.is_set():
                self._say(f"waiting ({code}): {sentence}")
                told = code
