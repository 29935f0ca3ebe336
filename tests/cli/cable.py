"""A connection to a server that a test can cut."""

import select
import socket
import threading
from contextlib import suppress


class Cable:
    """Carries connections to a server, and can be cut."""

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._closing = False
        self.carried = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection as it is, in the middle of whatever was said."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._closing = True
        self._door.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closing:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            far = socket.create_connection(self._upstream)
            self._open += [near, far]
            self.carried += 1
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            while True:
                ready, _, _ = select.select([near, far], [], [], 60)
                for end in ready:
                    try:
                        data = end.recv(65_536)
                        (far if end is near else near).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
