"""Who was known by a token a moment ago? Remembered for at most five seconds."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Forbidden
from k8s4r.core.roles import ALLOWED, NOTHING, Permission, Rights

REMEMBERED_S: Final = 5.0
MOST_REMEMBERED: Final = 50_000


class PrincipalKind(StrEnum):
    """What kind of caller it is."""

    PERSON = "person"
    AGENT = "agent"
    ENROLMENT = "enrolment"
    POD = "pod"
    # The work of an attempt, by a token that is derived and stored nowhere.
    TASK = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A known caller.

    ``id`` is the user, the agent or, of an enrolment, the token; a browser's session has its
    user's id for ``token_id``. ``name`` is a person's user name. ``rights`` are a person's: what
    their roles allow and their token is good for; ``scopes`` and ``project_id`` are the limits of
    that token, none for a session. ``rotating`` asks for a new token with the next
    heartbeat.
    """

    kind: PrincipalKind
    id: UUID
    token_id: UUID
    name: str = ""
    rights: Rights = NOTHING
    scopes: tuple[str, ...] = ()
    project_id: UUID | None = None
    rotating: bool = False

    @property
    def actor(self) -> Actor:
        """Who signs what this caller changes."""
        if self.kind is PrincipalKind.PERSON:
            return Actor("user", str(self.id))
        return Actor(str(self.kind), str(self.id))

    def may(self, permission: Permission, project_id: UUID | None) -> bool:
        """Is this allowed to the caller in that project; without one, for what is in none?"""
        return self.rights.may(permission, project_id)

    def projects(self, permission: Permission) -> frozenset[UUID] | None:
        """Return the projects in which this is allowed to the caller; ``None``: every one."""
        return self.rights.projects(permission)

    def require(self, permission: Permission, project_id: UUID | None) -> None:
        """Refuse what is not allowed in a project whose things the caller may see.

        Raises:
            Forbidden: names the permission and the roles that have it.
        """
        if not self.may(permission, project_id):
            raise refusal(permission)


def refusal(permission: Permission) -> Forbidden:
    """Return the refusal of a call that needs a permission; it says which roles have it."""
    roles = ", ".join(role for role, allowed in ALLOWED.items() if permission in allowed)
    return Forbidden(f"this needs {permission} here: a role ({roles}) and a token with that scope")


class TokenCache:
    """Remembers who a token belongs to, so that a busy fleet is not looked up at each call.

    Only good tokens are remembered, under a hash: the memory holds no secret, and a token that was
    just made is good at once. Revoking is at once in this process, ``lifetime_s`` in others.
    """

    def __init__(
        self,
        *,
        lifetime_s: float = REMEMBERED_S,
        most: int = MOST_REMEMBERED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime_s = lifetime_s
        self._most = most
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._lock = threading.Lock()

    def find(self, text: str) -> Principal | None:
        """Return whose token this was within the last seconds, else ``None``."""
        found = self._known.get(_key(text))
        if found is None or self._monotonic() >= found[0]:
            return None
        return found[1]

    def remember(self, text: str, principal: Principal) -> None:
        """Remember a token that was just found good."""
        with self._lock:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[_key(text)] = (self._monotonic() + self._lifetime_s, principal)

    def forget(self, token_ids: Iterable[UUID]) -> None:
        """Forget tokens that are no longer good."""
        gone = frozenset(token_ids)
        with self._lock:
            self._known = {
                key: entry for key, entry in self._known.items() if entry[1].token_id not in gone
            }


CACHE: Final = TokenCache()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
