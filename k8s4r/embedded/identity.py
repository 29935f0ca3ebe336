"""As whom does a server run that refuses root?

======================  =====================================================================
we are                  the server runs
======================  =====================================================================
an ordinary user        as the same user
root                    in a user namespace as uid 1000; its files belong to root outside
root, no namespaces     as ``postgres`` or ``nobody``, with its data where that user can reach
======================  =====================================================================
"""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from k8s4r.embedded.errors import EmbeddedError

LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Identity:
    """How to be someone: options of the leash, and who owns what is written."""

    leash_options: tuple[str, ...]
    uid: int
    gid: int

    @property
    def is_dropped(self) -> bool:
        return self.uid != os.geteuid()


def ourselves() -> Identity:
    """Return the identity that changes nothing."""
    return Identity((), os.geteuid(), os.getegid())


def namespaced() -> Identity:
    """Return uid 1000 of a user namespace; outside, files are ours."""
    return Identity(("--namespace",), os.geteuid(), os.getegid())


def dropped(uid: int, gid: int) -> Identity:
    """Return another user of this machine; only root may become one."""
    return Identity(("--user", f"{uid}:{gid}"), uid, gid)


def for_server(data: Path) -> Identity:
    """Choose once; afterwards the owner of ``data`` decides, so that its files stay readable."""
    if os.geteuid() != 0:
        return ourselves()
    if data.exists():
        found = data.stat()
        return dropped(found.st_uid, found.st_gid) if found.st_uid else namespaced()
    return namespaced() if _namespaces_work() else _unprivileged()


def leashed(
    argv: tuple[str, ...], *, as_who: Identity, die_by: int, parent: int
) -> tuple[str, ...]:
    """Return ``argv`` behind the leash: as someone, and ended by ``die_by`` when we end."""
    return (
        *(sys.executable, "-I", "-S", str(LEASH)),
        *("--parent", str(parent), "--die-by", str(die_by)),
        *as_who.leash_options,
        *("--", *argv),
    )


def _namespaces_work() -> bool:
    if sys.platform != "linux":
        return False
    probe = leashed(("/bin/true",), as_who=namespaced(), die_by=9, parent=os.getpid())
    # A fixed command of ours; the probe of the same way that the server will take.
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0  # noqa: S603


def _unprivileged() -> Identity:
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return dropped(user.pw_uid, user.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, user namespaces are off, and there is neither a user"
        " 'postgres' nor 'nobody'. Run as an ordinary user, or set K8S4R_DATABASE_URL."
    )
