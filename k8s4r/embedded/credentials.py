"""Where does a generated secret live, and who may read it? One file each, ours alone."""

import os
import secrets
from pathlib import Path

BYTES = 32


def obtain(path: Path) -> str:
    """Return the secret in ``path``, made up once if there is none yet."""
    if not path.exists():
        store(path, secrets.token_urlsafe(BYTES))
    return path.read_text().strip()


def store(path: Path, text: str) -> None:
    """Write ``text`` for our eyes only, whole or not at all."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def private_folder(path: Path) -> Path:
    """Return ``path``, made if need be, closed to everybody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
