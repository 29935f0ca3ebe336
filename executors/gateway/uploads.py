"""How do the bytes of an artifact come to lie on disk, whole or not at all?"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from k8s4r.core.errors import FieldProblem, Invalid


class Upload:
    """A file on its way in: written under a passing name, kept under the artifact's id.

    What a client calls it is never a path. All methods block: call them in a thread.
    """

    def __init__(self, folder: Path, artifact_id: UUID) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kept = folder / str(artifact_id)
        self._part = folder / f".{artifact_id}.part"
        self._file: BinaryIO = self._part.open("xb")
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._file.write(piece)
        self._digest.update(piece)
        self.size_bytes += len(piece)

    def keep(self, sha256: str) -> None:
        """Give the file its name once its bytes are on the disk.

        Raises:
            Invalid: they are not what the sender announced.
        """
        if self._digest.hexdigest() != sha256:
            problem = FieldProblem("", "sha256", "the bytes have another SHA-256")
            raise Invalid("the bytes are not those that were announced", errors=[problem])
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._kept)
        _sync_folder(self._kept.parent)

    def stand_in(self, artifact_id: UUID) -> None:
        """Be the file of an earlier row if that has none.

        Its bytes were discarded when nobody could say whether the row was committed.
        """
        theirs = self._kept.with_name(str(artifact_id))
        if not theirs.exists():
            self._kept.rename(theirs)
            _sync_folder(theirs.parent)

    def discard(self) -> None:
        """Remove whatever is there of it."""
        self._file.close()
        self._part.unlink(missing_ok=True)
        self._kept.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
