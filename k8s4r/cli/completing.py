"""Which words could come next: kinds, and live names from the server within a second?"""

import os
from collections.abc import Sequence
from typing import Final

from k8s4r.cli import kinds, settings
from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError
from k8s4r.cli.kinds import KINDS, Kind
from k8s4r.cli.settings import Flags

# A person waits for the tab key: what is not there by then is not offered.
_WITHIN_S: Final = 1.0
_MOST: Final = 200


def references(before: Sequence[str], incomplete: str) -> list[str]:
    """Return kinds for a first word, names of its kind for the next ones, and ``kind/name``."""
    word, slash, name = incomplete.partition("/")
    try:
        if slash:
            kind = kinds.kind(word)
            return [f"{word}/{found}" for found in names(kind, name)]
        if before and "/" not in before[0]:
            return names(kinds.kind(before[0]), incomplete)
    except CliError:
        return []
    return [word for word in _kind_words() if word.startswith(incomplete)]


def names(kind: Kind, incomplete: str) -> list[str]:
    """Return the names of a kind that begin so; nothing at all when anything goes wrong."""
    try:
        client = Client(settings.read(Flags(), os.environ), patience_s=_WITHIN_S)
        try:
            found, _ = client.items(kind.path, {}, limit=_MOST)
        finally:
            client.close()
    except CliError:
        return []
    known = dict.fromkeys(str(row[kind.named_by] or row["id"]) for row in found)
    return [name for name in known if name.startswith(incomplete)]


def _kind_words() -> list[str]:
    return sorted(f"{kind.name}s" for kind in KINDS)
