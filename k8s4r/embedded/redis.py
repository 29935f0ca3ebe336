"""How does Redis (or Valkey) run in a folder of ours?

::

    with redis.start(folder) as server:
        connect(server.url)

On a loopback port with a generated password; what it holds are hints, still it appends to disk.
"""

import os
import signal
import socket
from pathlib import Path

from k8s4r.embedded import binaries, credentials, sockets
from k8s4r.embedded.programs import Program, StopStep
from k8s4r.embedded.servers import Server, ready

HOST = "127.0.0.1"
READY_WITHIN_S = 20.0
ANSWER_WITHIN_S = 1.0

# The password stands in a file of ours, never in the process list.
CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
protected-mode yes
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory 128mb
maxmemory-policy noeviction
timeout 0
tcp-keepalive 60
daemonize no
set-proc-title no
logfile ""
"""


class RedisServer(Server):
    """A running Redis or Valkey."""

    __slots__ = ()


def start(
    folder: Path, *, password_file: Path | None = None, port: int | None = None
) -> RedisServer:
    """Run a server on ``folder`` and wait until it answers.

    Call it from a thread that stays: the server ends when that thread does.
    """
    program, url = prepare(folder, password_file=password_file, port=port)
    return RedisServer(url, ready(program, within_s=READY_WITHIN_S))


def prepare(
    folder: Path,
    *,
    password_file: Path | None = None,
    port: int | None = None,
    log: Path | None = None,
) -> tuple[Program, str]:
    """Return the server of ``folder`` and its URL; a port that is free now unless one is given."""
    credentials.private_folder(folder)
    password = credentials.obtain(password_file or folder / "password")
    port = port or sockets.free_port(HOST)
    found = binaries.find_redis()
    configuration = folder / "redis.conf"
    text = CONFIGURATION.format(host=HOST, port=port, password=password, folder=_quoted(folder))
    credentials.store(configuration, text)
    program = Program(
        name="redis",
        argv=(str(found.program), str(configuration)),
        environment=dict(os.environ),
        log=log or folder / "redis.log",
        is_ready=lambda _pid: answers(port, password),
        stop_steps=(StopStep(signal.SIGTERM, 10),),
        note=f"{found.program.name} {found.version}, port {port}",
    )
    return program, f"redis://:{password}@{HOST}:{port}/0"


def _quoted(folder: Path) -> str:
    escaped = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def answers(port: int, password: str) -> bool:
    """Ask whether it serves: while it loads its file it answers ``-LOADING``."""
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_WITHIN_S) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            # Two lines come back; whatever else does, it is short.
            while said.count(b"\n") < 2 and len(said) < 512:
                chunk = connection.recv(512)
                if not chunk:
                    return False
                said += chunk
    except OSError:
        return False
    return b"+PONG" in said
