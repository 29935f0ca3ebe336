"""What is told between processes? Which pools, agents and clusters have something to do.

News is a hint: who misses it finds the same in the database a little later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec

from agents.wire.messages import Order

CHANNEL: Final = "k8s4r:news"


class News(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``pools`` want a pass, ``agents`` have an order or a directive.

    ``clusters`` are the K8s configs for which actions are due. ``origin`` is the process that says
    so: it has told its own listeners already.
    """

    origin: str = ""
    pools: frozenset[UUID] = frozenset()
    agents: frozenset[UUID] = frozenset()
    clusters: frozenset[UUID] = frozenset()

    def __or__(self, other: "News") -> "News":
        """Return both as one; the origin of the first."""
        return News(
            origin=self.origin,
            pools=self.pools | other.pools,
            agents=self.agents | other.agents,
            clusters=self.clusters | other.clusters,
        )


@dataclass(frozen=True, slots=True)
class Handover:
    """New orders of one agent, for the process that holds its claim. They never leave it."""

    session_id: UUID
    orders: Sequence[Order]


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(News)


def encode(news: News) -> bytes:
    """Return the form it has on the wire."""
    return _ENCODER.encode(news)


def decode(data: Any) -> News | None:
    """Return the news, or nothing when this is none: a hint is never worth an error."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError):
        return None
