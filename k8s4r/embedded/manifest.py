"""What is in a backup, and is it whole? ``manifest.json`` names each file with its checksum."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from k8s4r.embedded.errors import EmbeddedError

NAME = "manifest.json"
DUMP = "database.dump"
ARTIFACTS = "artifacts"
FORMAT = 1
_READ_BYTES = 1 << 20
_ARTIFACT = re.compile(r"[0-9a-f-]+")


@dataclass(frozen=True, slots=True)
class Manifest:
    """``made_at`` is the database's clock just before the dump; ``secrets`` are names, no more."""

    format: int
    made_at: str
    generation: int
    version: str
    postgres: str
    secrets: list[str]
    files: dict[str, str]

    @property
    def postgres_major(self) -> int:
        return int(self.postgres.partition(".")[0])

    @property
    def artifacts(self) -> list[str]:
        return [name for name in self.files if name.startswith(f"{ARTIFACTS}/")]


def is_artifact(name: str) -> bool:
    """Is this the name of a file that holds an artifact: an id, and no way out of the folder?"""
    return _ARTIFACT.fullmatch(name) is not None


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def write(folder: Path, manifest: Manifest) -> None:
    """Write it; the last file of a backup."""
    (folder / NAME).write_text(json.dumps(asdict(manifest), indent=2) + "\n")


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup whose every file is as it was.

    Raises:
        EmbeddedError: it is no backup, or not a whole one; names the file.
    """
    manifest = _parsed(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if not _is_ours(name):
            raise EmbeddedError(f"{folder / NAME} is damaged: no backup of ours has {name!r} in it")
        if not path.is_file():
            raise EmbeddedError(f"{path} is missing: this backup is not whole; take another one")
        if checksum(path) != expected:
            raise EmbeddedError(f"{path} has changed since the backup; take another one")
    return manifest


def _is_ours(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return name == DUMP or (folder == ARTIFACTS and is_artifact(file))


def _parsed(folder: Path) -> Manifest:
    path = folder / NAME
    try:
        found: Mapping[str, object] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EmbeddedError(f"{folder} is no backup of k8s4r: {path.name}: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise EmbeddedError(f"{path} has another format than {FORMAT}: use the k8s4r that made it")
    try:
        return Manifest(**found)
    except TypeError as error:
        raise EmbeddedError(f"{path} is damaged: {error}") from error
