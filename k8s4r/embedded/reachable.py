"""Where do data and programs go that another user must reach?

Only for root on a machine without user namespaces: our home folder and our virtual environment
are usually closed to the user whom PostgreSQL then runs as.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from k8s4r.embedded import identity

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


def programs(folder: Path, who: identity.Identity) -> Path:
    """Return ``folder``, or a copy of the package around it where ``who`` can run it."""
    if _runs(folder / "postgres", who):
        return folder
    install, package = folder.parent, folder.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    copy = ROOT / "programs"
    # Beside each other as in the wheel: the programs find their libraries by relative paths.
    for source in (install, libraries):
        target = copy / source.relative_to(package.parent)
        if not target.exists():
            shutil.copytree(source, target, symlinks=True)
    return copy / install.relative_to(package.parent) / folder.name


def _runs(program: Path, who: identity.Identity) -> bool:
    argv = identity.leashed((str(program), "--version"), as_who=who, die_by=9, parent=os.getpid())
    ended = subprocess.run(argv, capture_output=True, check=False)  # noqa: S603  # ours
    return ended.returncode == 0
