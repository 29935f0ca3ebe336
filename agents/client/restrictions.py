"""What does the owner of this machine allow? The server cannot widen it."""

import os
import pwd
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase


class Forbidden(Exception):
    """The machine's owner does not allow this order; the message says which rule forbids it."""


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Allow-lists; ``None`` allows everything of that kind, except users.

    ``commands`` are patterns: with a slash they match the whole path that would run, without one
    the name of a program on the machine's own search path. ``users`` are the accounts that an
    order may run as; without the list it is the agent's own only.
    """

    drivers: frozenset[str] | None = None
    commands: tuple[str, ...] | None = None
    users: frozenset[str] | None = None

    def check_driver(self, name: str) -> None:
        """Raise `Forbidden` unless the owner allows this driver."""
        if self.drivers is not None and name not in self.drivers:
            raise Forbidden(f"driver {name!r} is not allowed on this machine")

    def check_user(self, name: str | None) -> None:
        """Raise `Forbidden` unless the owner lets orders run as this user."""
        if name is None and self.users is None:
            return
        own = pwd.getpwuid(os.geteuid()).pw_name
        wanted = own if name is None else name
        if wanted not in (frozenset({own}) if self.users is None else self.users):
            raise Forbidden(f"user {wanted!r} is not allowed on this machine")

    def program(self, argv0: str, *, env: Mapping[str, str], folder: str, path: str) -> str:
        """Return what to execute for ``argv0``; with a rule, exactly the file that was checked.

        The search path is then the machine's (``path``), never that of the order, and variables
        of the dynamic linker are refused: they would run other code under an allowed name.
        """
        if self.commands is None:
            return argv0
        if any(name.startswith("LD_") for name in env):
            raise Forbidden("LD_* variables are not allowed on this machine")
        found = _absolute(argv0, folder=folder, path=path)
        if not any(_matches(found, pattern, path) for pattern in self.commands):
            raise Forbidden(f"command {found!r} is not allowed on this machine")
        return found


def _absolute(argv0: str, *, folder: str, path: str) -> str:
    if "/" in argv0:
        return os.path.normpath(os.path.join(folder, argv0))
    return shutil.which(argv0, path=path) or argv0


def _matches(found: str, pattern: str, path: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(found, pattern)
    name = os.path.basename(found)
    return fnmatchcase(name, pattern) and found == shutil.which(name, path=path)
