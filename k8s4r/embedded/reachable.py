"""Where do data and programs go that another user must reach?

Only for root on a machine without user namespaces: our home folder and our virtual environment
are usually closed to the user whom PostgreSQL then runs as.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from k8s4r.embedded import binaries, identity

ROOT = Path("/var/lib/k8s4r")


def data_folder(wished: Path, who: identity.Identity) -> Path:
    """Return a place that ``who`` owns, and leave a link to it at ``wished``."""
    if wished.exists():
        return wished.resolve()
    name = hashlib.sha256(os.fsencode(wished)).hexdigest()[:12]
    place = ROOT / name
    ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    os.chown(place, who.uid, who.gid)
    wished.unlink(missing_ok=True)
    wished.symlink_to(place / "data")
    return place / "data"


def programs(found: binaries.Postgres, who: identity.Identity) -> Path:
    """Return where ``who`` can run it: in place, or in a copy of the package around it."""
    if _runs(found.folder / "postgres", who):
        return found.folder
    install, package = found.folder.parent, found.folder.parents[1]
    copy = ROOT / f"postgresql-{found.version}"
    if not copy.exists():
        draft = copy.with_name(f".{copy.name}.{os.getpid()}")
        # Beside each other as in the wheel: the programs find their libraries by relative paths.
        for source in (install, package.with_name(f"{package.name}.libs")):
            shutil.copytree(source, draft / source.relative_to(package.parent), symlinks=True)
        draft.rename(copy)
    return copy / found.folder.relative_to(package.parent)


def _runs(program: Path, who: identity.Identity) -> bool:
    argv = identity.leashed((str(program), "--version"), as_who=who, die_by=9, parent=os.getpid())
    ended = subprocess.run(argv, capture_output=True, check=False)  # noqa: S603  # ours
    return ended.returncode == 0
