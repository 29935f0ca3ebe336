"""What did the client send? Read with limits, decoded strictly, refused by field and rule."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Final, TypeVar

import msgspec

from executors.gateway.exchange import Exchange
from executors.gateway.patience import Patience
from k8s4r.api import parsing
from k8s4r.api.parsing import Limits
from k8s4r.api.problems import UnsupportedMediaType
from k8s4r.core.errors import (
    DomainError,
    FieldProblem,
    Invalid,
    Malformed,
    TooLarge,
    Unavailable,
    pointer,
)

MESSAGE: Final = Limits()
# A thousand reports of ten fields each, or as much output as fits.
REPORTS: Final = Limits(bytes=4 * 1024 * 1024, nodes=60_000)
# Names up to 4,096 attempts that a runner holds.
SESSION: Final = Limits(nodes=30_000)
# What all bodies together may hold while they are read: a thousand slow uploads are no way to
# exhaust the process.
BYTES_BEING_READ: Final = 256 * 1024 * 1024

T = TypeVar("T")
_JSON: Final = re.compile(r"\s*application/json\s*(;\s*charset=\"?utf-?8\"?\s*)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")


class Bodies:
    """Reads bodies, and knows how much of them is in memory."""

    def __init__(self, *, patience_s: float, budget_bytes: int = BYTES_BEING_READ) -> None:
        self._patience_s = patience_s
        self._left_bytes = budget_bytes
        self._patience = Patience()

    async def message(
        self, exchange: Exchange, decoder: "msgspec.json.Decoder[T]", *, limits: Limits = MESSAGE
    ) -> T:
        """Return the JSON body as a typed message.

        Raises:
            Malformed: not strict JSON, or a value of another type.
            Invalid: a value out of its bounds, or a field is missing.
            TooLarge, TooSlow, UnsupportedMediaType: what their names say.
        """
        body = await self.json(exchange, limit_bytes=limits.bytes)
        return decoded(body, decoder, limits=limits)

    async def json(self, exchange: Exchange, *, limit_bytes: int) -> bytes:
        """Return a body that says it is JSON, as it came.

        Raises:
            TooLarge, TooSlow, UnsupportedMediaType: what their names say.
        """
        if not _JSON.fullmatch(exchange.header(b"content-type")):
            raise UnsupportedMediaType("the body must be application/json in UTF-8")
        return await self._whole(exchange, limit_bytes=limit_bytes)

    async def pieces(
        self, exchange: Exchange, *, limit_bytes: int, patience_s: float | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield the body as it arrives; counted while the caller goes on asking."""
        _check_declared(exchange, limit_bytes)
        deadline = asyncio.get_running_loop().time() + (patience_s or self._patience_s)
        taken = 0
        more = True
        try:
            while more:
                body, more = await self._next_piece(exchange, deadline)
                taken += len(body)
                self._left_bytes -= len(body)
                self._check(taken, limit_bytes)
                yield body
        finally:
            self._left_bytes += taken

    async def _whole(self, exchange: Exchange, *, limit_bytes: int) -> bytes:
        """Return a body; nearly every one comes in one piece."""
        _check_declared(exchange, limit_bytes)
        deadline = asyncio.get_running_loop().time() + self._patience_s
        first, more = await self._next_piece(exchange, deadline)
        if not more:
            self._check(len(first), limit_bytes)
            return first
        body = bytearray(first)
        self._left_bytes -= len(first)
        try:
            while more:
                piece, more = await self._next_piece(exchange, deadline)
                body += piece
                self._left_bytes -= len(piece)
                self._check(len(body), limit_bytes)
        finally:
            self._left_bytes += len(body)
        return bytes(body)

    async def _next_piece(self, exchange: Exchange, deadline: float) -> tuple[bytes, bool]:
        """Return the next piece, and whether there are more; ``deadline`` is in loop time."""
        event = await self._patience.receive(exchange.receive, deadline=deadline)
        if event["type"] == "http.disconnect":
            raise Malformed("the client left before the end of the body")
        return event.get("body", b""), event.get("more_body", False)

    def _check(self, taken: int, limit_bytes: int) -> None:
        if taken > limit_bytes:
            raise TooLarge(f"the body may have {limit_bytes} bytes at most")
        if self._left_bytes < 0:
            raise Unavailable("too many bodies are being read")


def _check_declared(exchange: Exchange, limit_bytes: int) -> None:
    declared = exchange.header(b"content-length")
    if declared and (not _NUMBER.fullmatch(declared) or int(declared) > limit_bytes):
        raise TooLarge(f"the body may have {limit_bytes} bytes at most")


def decoded(body: bytes, decoder: "msgspec.json.Decoder[T]", *, limits: Limits) -> T:
    """Return the body as the message the decoder makes, strictly.

    The strict reader refuses what the decoder would let pass: doubled keys, deep nesting, NUL.
    """
    parsing.strict_loads(body, limits=limits)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    except msgspec.DecodeError as error:
        raise Malformed(str(error)) from error


def _refusal(message: str) -> DomainError:
    """Return the decoder's complaint as ours: which field, which rule."""
    match = _AT.match(message)
    what, path = (match["what"], match["path"]) if match else (message, None)
    steps: list[str | int] = [name or index for name, index in _STEP.findall(path or "")]
    missing = _MISSING.match(what)
    if missing:
        problem = FieldProblem(pointer(*steps, missing["name"]), "required", "is missing")
        return Invalid(f"{problem.pointer} is missing", errors=[problem])
    where = pointer(*steps)
    if "got `" in what:
        return Malformed(
            f"{where or 'the body'}: {what}", errors=[FieldProblem(where, "type", what)]
        )
    return Invalid(f"{where or 'the body'}: {what}", errors=[FieldProblem(where, "bounds", what)])
