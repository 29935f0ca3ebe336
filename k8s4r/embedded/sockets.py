"""Where may a Unix socket lie, and which TCP port is free?"""

import hashlib
import os
import socket
import tempfile
from pathlib import Path

from k8s4r.embedded.errors import EmbeddedError

# sun_path holds 104 (macOS) or 108 (Linux) bytes; PostgreSQL adds "/.s.PGSQL.5432.lock".
LONGEST_FOLDER = 80


def socket_folder(wished: Path, *, uid: int, gid: int) -> Path:
    """Return a folder for sockets that only ``uid`` enters: ``wished``, or a short one.

    The short one has a name made from ``wished``, so that it is the same the next time.

    Raises:
        EmbeddedError: the short folder exists and belongs to somebody else.
    """
    # A comma would make two folders of it (PostgreSQL, unix_socket_directories).
    is_fit = len(os.fsencode(wished)) <= LONGEST_FOLDER and "," not in str(wished)
    if uid == os.geteuid() and is_fit:
        wished.mkdir(mode=0o700, parents=True, exist_ok=True)
        return wished
    name = hashlib.sha256(os.fsencode(wished)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"k8s4r-{uid}-{name}"
    if not short.exists():
        short.mkdir(mode=0o700)
        os.chown(short, uid, gid)
    found = short.lstat()
    if found.st_uid != uid or found.st_mode & 0o777 != 0o700 or short.is_symlink():
        raise EmbeddedError(f"{short} is not ours alone: remove it, or choose a shorter K8S4R_HOME")
    return short


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there; what just ended there does not count."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
