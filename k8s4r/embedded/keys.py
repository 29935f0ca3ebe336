"""Which secrets does a restored platform need, and how do they travel? In a file of their own.

A backup lies where many can read it: what opens doors is in it by name only.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from k8s4r.embedded import credentials
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.errors import EmbeddedError

# Made anew wherever they are missing, and of use on their own machine only.
LOCAL = frozenset({"environment", "database_password", "redis_password"})
# Without it no token in the database is valid.
NEEDED = "token_pepper"


def names(home: Home) -> list[str]:
    """Return the names of the secrets that a restore elsewhere needs."""
    if not home.secrets.is_dir():
        return []
    return sorted(
        path.name for path in home.secrets.iterdir() if path.is_file() and path.name not in LOCAL
    )


def export(home: Home, path: Path) -> None:
    """Write the secrets into one file, for our eyes only.

    Raises:
        EmbeddedError: there is something at that path.
    """
    if path.exists():
        raise EmbeddedError(f"{path} exists; name a new file for the secrets")
    found = {name: (home.secrets / name).read_text() for name in names(home)}
    credentials.store(path, json.dumps(found, indent=2))


def read(path: Path) -> dict[str, str]:
    """Return the secrets of such a file, by name.

    Raises:
        EmbeddedError: it is none.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EmbeddedError(f"{path} holds no secrets of a backup: {error}") from error
    if not isinstance(found, dict) or NEEDED not in found or not _are_plain(found):
        raise EmbeddedError(f"{path} holds no secrets of a backup: {NEEDED} is not in it")
    return found


def put_into_place(home: Home, found: Mapping[str, str]) -> None:
    """Make these the secrets of the platform."""
    for name, text in found.items():
        credentials.store(home.secrets / name, text.strip())


def _are_plain(found: dict[str, object]) -> bool:
    """Are these texts under names that stay in their folder?"""
    return all(
        isinstance(text, str) and name.isidentifier() and name not in LOCAL
        for name, text in found.items()
    )
