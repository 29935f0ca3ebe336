"""Who is told, after the commit, that what people wish of an agent has changed?

Agents know neither tasks nor channels: the apps above leave their listeners here.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias
from uuid import UUID

from django.db import transaction

Listener: TypeAlias = Callable[[frozenset[UUID]], None]

_LISTENERS: Final[list[Listener]] = []


def listen(listener: Listener) -> None:
    """Tell this listener of every change from now on; asking twice tells it once."""
    if listener not in _LISTENERS:
        _LISTENERS.append(listener)


def agents_changed(agent_ids: Iterable[UUID]) -> None:
    """Tell every listener, once the transaction is committed."""
    changed = frozenset(agent_ids)
    if changed:
        transaction.on_commit(lambda: [listener(changed) for listener in _LISTENERS])
