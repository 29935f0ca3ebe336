"""How often is a stream that broke off asked for again, and how long between tries?"""

import threading
from collections.abc import Callable
from typing import Final

from k8s4r.cli.client import Waiter
from k8s4r.cli.errors import CliError, ExitCode, Refused

_PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
# At five seconds a try: ten minutes without a server are an answer too.
_MOST_TRIES: Final = 120
# One cut connection is nothing to talk about.
_SAID_AT_TRY: Final = 3


class Patience:
    """Counts the tries since anything was heard; each longer apart than the one before."""

    def __init__(
        self, say: Callable[[str], None] = lambda _: None, wait: Waiter | None = None
    ) -> None:
        """``say`` is told when the server stays away, ``wait`` pauses between tries."""
        self._say = say
        self._wait = wait or threading.Event().wait
        self._failures = 0

    def heard(self) -> None:
        """Forget the failures: something was heard."""
        self._failures = 0

    def breathe(self) -> None:
        """Pause briefly: the stream ended in order, and is asked for again."""
        self._wait(_PAUSES_S[0])

    def bear(self, error: CliError) -> None:
        """Pause after a failure.

        Raises:
            CliError: this one, when trying again is no use, or was for too long.
        """
        if isinstance(error, Refused) and error.exit_code is not ExitCode.TRY_AGAIN:
            raise error
        self._failures += 1
        if self._failures > _MOST_TRIES:
            raise error
        if self._failures == _SAID_AT_TRY:
            self._say(f"{error.message}; trying again")
        self._wait(_PAUSES_S[min(self._failures, len(_PAUSES_S)) - 1])
