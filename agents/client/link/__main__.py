"""Start a link on the socket it inherited: ``python -m agents.client.link FD``."""

import asyncio
import signal
import socket
import sys

from agents.client.link import link


def main() -> int:
    """Run until the runner is done with this link, or is gone."""
    # A supervisor may signal every process of the service; when to end is the runner's to say.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    return asyncio.run(link.serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    sys.exit(main())
