"""Which files in the folder of artifacts does no row know? Uploads that a crash cut off."""

import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from executors.models import Artifact

# Longer than any upload takes, and than machines' clocks differ.
GRACE: Final = timedelta(days=1)
AT_ONCE: Final = 500
_OURS: Final = re.compile(r"\.?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.part)?")


def remove(folder: Path, *, now: datetime) -> int:
    """Remove what lies there for a day without a row; what is not named by us stays.

    Safe to repeat and to run twice at once. Returns how many files it was.
    """
    before = (now - GRACE).timestamp()
    old = _old(folder, before)
    removed = 0
    while files := list(islice(old, AT_ONCE)):
        removed += _remove_unknown(files)
    return removed


def _old(folder: Path, before: float) -> Iterator[tuple[UUID, Path]]:
    """Yield our files that were last written before."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            name = _OURS.fullmatch(entry.name)
            if name and entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
                yield UUID(name.group(1)), Path(entry.path)


def _remove_unknown(files: Sequence[tuple[UUID, Path]]) -> int:
    ids = [artifact_id for artifact_id, _ in files]
    known = set(Artifact.objects.filter(pk__in=ids).values_list("pk", flat=True))
    # A name that passes has no row of its own, whatever its artifact has.
    doomed = [
        path for artifact_id, path in files if artifact_id not in known or path.suffix == ".part"
    ]
    for path in doomed:
        path.unlink(missing_ok=True)
    return len(doomed)
