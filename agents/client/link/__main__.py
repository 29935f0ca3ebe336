"""Start a link on what it inherits: ``python -m agents.client.link FD SESSION GRACE_S``."""

import asyncio
import signal
import socket
import sys
from uuid import UUID

from agents.client import sweeping
from agents.client.clock import BootClock
from agents.client.link import serving


def main() -> int:
    """Run until the runner is done with this link, or is gone."""
    # A supervisor may signal every process of the service; when to end is the runner's to say.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    fd, session, grace_s = sys.argv[1:]
    if asyncio.run(serving.serve(socket.socket(fileno=int(fd)))):
        return 0
    # The runner died. Its work must not go on: nobody watches over its lease any more.
    sessions = [UUID(session)]
    sweeping.end_all(lambda: sweeping.work_of(sessions), grace_s=float(grace_s), clock=BootClock())
    return 1


if __name__ == "__main__":
    sys.exit(main())
