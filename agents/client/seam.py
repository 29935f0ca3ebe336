"""What do runner and link say to each other over their socketpair?

A frame is a length (4 bytes, big-endian) and one msgpack message. Neither side keeps anything
for the other: a new link is told everything again.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from agents.wire.fields import Facts
from agents.wire.messages import Directives, Held, Order, Outcome
from agents.wire.settings import NotNow

FRAME_LIMIT_BYTES: Final = 64 * 1024 * 1024
_LENGTH_BYTES: Final = 4


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """Base of every message on the seam."""


class Setup(Frame, frozen=True, tag="setup"):
    """The first frame to a link: whom it speaks for, and to whom."""

    session: UUID
    boot_id: str
    clock_base: float
    url: str
    name: str
    state_folder: str
    labels: dict[str, str]
    drivers: list[str]
    capabilities: Facts
    token_file: str | None = None
    agent_id: UUID | None = None
    enrolment_token_file: str | None = None
    ca_file: str | None = None
    health_address: str | None = None
    log_format: str = "json"


class Roster(Frame, frozen=True, tag="roster"):
    """What the runner has now, and what it goes by; ``frames_taken`` counts `Orders` and `Told`.

    ``slots`` are those it offers while it does not drain.
    """

    held: list[Held]
    stopping: list[UUID]
    free: int
    draining: bool
    frames_taken: int
    trouble: str | None = None
    slots: int = 0
    settings_version: int = 0
    not_now: NotNow | None = None

    @property
    def offer(self) -> int:
        """How many slots may be given work; a draining agent offers none."""
        return 0 if self.draining else self.slots

    @property
    def standing(self) -> tuple[object, ...]:
        """What a heartbeat says of the agent."""
        return self.trouble, self.settings_version, self.not_now


class Item(Frame, frozen=True):
    """One report that is safe on disk: ``body`` is its JSON as the server reads it.

    ``urgent`` is an end report: a slot and whoever waits for the task wait for it.
    """

    attempt: UUID
    seq: int
    body: bytes
    urgent: bool = False


class Items(Frame, frozen=True, tag="items"):
    """Reports to deliver, each attempt's in order of ``seq``."""

    items: list[Item]


class Pong(Frame, frozen=True, tag="pong"):
    """The runner is there."""


class Farewell(Frame, frozen=True, tag="farewell"):
    """The runner ends in good order: nothing is left to clean up."""


class Upload(Frame, frozen=True, tag="upload"):
    """A file to store with the server as an artifact of an attempt; said again to each link."""

    attempt: UUID
    token: str
    name: str
    path: str
    sha256: str
    size_bytes: int


class Stored(Frame, frozen=True, tag="stored"):
    """What became of an upload; with a ``refusal`` the server does not take it, ever."""

    attempt: UUID
    refusal: str = ""


class Orders(Frame, frozen=True, tag="orders"):
    """Orders from a claim; the next claim waits until a `Roster` counts this frame."""

    orders: list[Order]


class Told(Frame, frozen=True, tag="told"):
    """Directives that rode on an answer."""

    directives: Directives


class Outcomes(Frame, frozen=True, tag="outcomes"):
    """What became of reports."""

    results: list[Outcome]


class Heard(Frame, frozen=True, tag="heard"):
    """The server acknowledged the heartbeat that was sent at this moment."""

    sent_at: float


class Ping(Frame, frozen=True, tag="ping"):
    """Is the runner there? A heartbeat is sent only when it says so.

    A lease must not be renewed while nobody watches over the work.
    """


class Ended(Frame, frozen=True, tag="ended"):
    """The link cannot go on, and a new one could not either; ``code`` is the exit code."""

    code: int
    reason: str
    message: str


FromRunner: TypeAlias = Setup | Roster | Items | Pong | Farewell | Upload
FromLink: TypeAlias = Orders | Told | Outcomes | Heard | Ping | Ended | Stored

_encoder = msgspec.msgpack.Encoder()
from_runner: Final = msgspec.msgpack.Decoder(FromRunner)
from_link: Final = msgspec.msgpack.Decoder(FromLink)


def framed(message: Frame) -> bytes:
    """Return the bytes of one message, its length first."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class Unframer:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the body of every frame that is complete now.

        Raises:
            ValueError: the other side sent a length that no message has.
        """
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[start : start + _LENGTH_BYTES], "big")
            if length > FRAME_LIMIT_BYTES:
                raise ValueError(f"a frame of {length} bytes is no message")
            end = start + _LENGTH_BYTES + length
            if end > len(self._buffer):
                break
            yield bytes(self._buffer[start + _LENGTH_BYTES : end])
            start = end
        del self._buffer[:start]
