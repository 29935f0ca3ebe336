"""What does the spool's journal say, line by line?

A record is its length, its CRC-32 and one msgpack message. A torn tail (the machine died while
it was written) ends the reading; nothing that was torn had been sent. A tail of zeros is torn too:
file systems leave them after a power cut, and they would pass for a record of nothing.
"""

import zlib
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from agents.wire.messages import Order

_HEAD_BYTES: Final = 8


class Record(msgspec.Struct, frozen=True, array_like=True):
    """Base of every record."""


class Life(Record, frozen=True, tag="life"):
    """A runner began. ``offset`` is wall time minus agent time; see `clock.carried_on`."""

    session: UUID
    boot_id: str
    offset: float
    clock_base: float
    at: float


class Accepted(Record, frozen=True, tag="accepted"):
    """The runner took an order; written before the work can have an effect."""

    order: Order


class Launched(Record, frozen=True, tag="launched"):
    """The work's first process; ``start_ticks`` tells it from a later one with the same pid."""

    attempt: UUID
    pid: int
    start_ticks: int


class Noted(Record, frozen=True, tag="noted"):
    """A report as the server will read it; ``last`` marks an end report."""

    attempt: UUID
    seq: int
    at: float
    body: bytes
    last: bool = False


class Piece(Record, frozen=True, tag="piece"):
    """A log report whose bytes stay where the work wrote them."""

    attempt: UUID
    seq: int
    at: float
    stream: Literal["stdout", "stderr"]
    offset: int
    length: int


class Reported(Record, frozen=True, tag="reported"):
    """How far into each output file pieces had come; snapshots need it, they drop old pieces."""

    attempt: UUID
    offsets: dict[str, int]


class Acked(Record, frozen=True, tag="acked"):
    """The server has every report up to ``seq``."""

    attempt: UUID
    seq: int


class Kept(Record, frozen=True, tag="kept"):
    """The attempt made a plan that waits for a decision: its folder and its slot stay."""

    attempt: UUID


class Unwanted(Record, frozen=True, tag="unwanted"):
    """The attempt is superseded: nothing about it is sent any more."""

    attempt: UUID


class Forgotten(Record, frozen=True, tag="forgotten"):
    """The attempt is over and done with."""

    attempt: UUID


class Complete(Record, frozen=True, tag="complete"):
    """All that an older segment still had to say stands above; the older one may go."""


Entry: TypeAlias = Noted | Piece
AnyRecord: TypeAlias = (
    Life
    | Accepted
    | Launched
    | Noted
    | Piece
    | Reported
    | Acked
    | Kept
    | Unwanted
    | Forgotten
    | Complete
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyRecord)


def packed(record: Record) -> bytes:
    """Return the bytes of one record, its length and checksum first."""
    body = _encoder.encode(record)
    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def unpacked(data: bytes) -> Iterator[AnyRecord]:
    """Yield the records of a segment, up to its end or its torn tail."""
    start = 0
    while start + _HEAD_BYTES <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        body = data[start + _HEAD_BYTES : start + _HEAD_BYTES + length]
        if (
            not body
            or len(body) < length
            or zlib.crc32(body) != int.from_bytes(data[start + 4 : start + _HEAD_BYTES], "big")
        ):
            return
        yield _decoder.decode(body)
        start += _HEAD_BYTES + length
