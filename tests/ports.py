"""Which port may a server of a test have, that is started later and perhaps again?"""

import socket

_HELD: list[socket.socket] = []


def held_port() -> int:
    """Return a port that stays ours as long as this process lives.

    A socket that never listens holds it: nobody else is given the port, connections are refused,
    and a server that sets SO_REUSEADDR can listen there all the same (socket(7)).
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _HELD.append(holder)
    port: int = holder.getsockname()[1]
    return port
