"""How does an agent hand in a file that an attempt left, and how do people get it?

``PUT attempts/{id}/artifacts/{name}``: the bytes, their ``X-Content-SHA256``, and as
``X-Attempt-Token`` the token of the attempt's order. GET is the same bytes, with their digest.
"""

import asyncio
import errno
import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, BinaryIO, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, field

from agents.wire.answers import StoredArtifact
from agents.wire.orders import ARTIFACT_BYTES
from executors import conf
from executors.gateway import artifact_rows, readers
from executors.gateway.artifact_rows import Asked
from executors.gateway.bodies import Bodies
from executors.gateway.exchange import Answer, Exchange, json_answer
from executors.gateway.uploads import Upload
from executors.models import Artifact
from executors.services import artifacts
from executors.services.artifacts import Arrival, Kept
from k8s4r import clock
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.api import authentication
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.api.operations import Media, operation
from k8s4r.core import ids
from k8s4r.core.errors import (
    Conflict,
    DomainError,
    FieldProblem,
    Malformed,
    NotFound,
    Superseded,
    Unauthenticated,
    Unavailable,
)
from k8s4r.core.roles import Permission

WRITE_BYTES: Final = 1024 * 1024
LONGEST_NAME: Final = 255
_TO_KEEP: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-disposition", b"attachment"),
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

Result = TypeVar("Result")
# The token of the agent, and what it brings.
Delivery: TypeAlias = tuple[str, Arrival]


class ArtifactHeaders(msgspec.Struct):
    """What comes with the bytes: their digest. The attempt's token is a proof, as the agent's."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")] = field(name="X-Content-SHA256")


class ArtifactEndpoint:
    """Handles ``GET`` and ``PUT attempts/{id}/artifacts/{name}``."""

    def __init__(self, bodies: Bodies) -> None:
        self.storing: Collector[Delivery, Kept] = Collector(
            _store, name="artifacts", limits=BatchLimits(items=1)
        )
        self.reading: Collector[Asked, Artifact] = Collector(
            artifact_rows.find, name="artifact_reads", limits=BatchLimits(items=16)
        )
        self._bodies = bodies

    @operation(
        needs=None,
        caller=PrincipalKind.AGENT,
        body=Media({"application/octet-stream": bytes}),
        headers=ArtifactHeaders,
        with_attempt=True,
        answers={200: StoredArtifact, 201: StoredArtifact},
        refuses=(Conflict, Superseded),
    )
    async def put(self, exchange: Exchange) -> Answer:
        """Store the bytes, then the row that knows them; without the row the bytes go again."""
        token = exchange.bearer()
        arrival = _announced(exchange)
        upload = await _in_thread(Upload, conf.artifacts_dir(), arrival.artifact_id)
        is_new = False
        try:
            await self._write(exchange, upload)
            await _in_thread(upload.keep, arrival.sha256)
            arrived = replace(arrival, size_bytes=upload.size_bytes)
            kept = await self.storing.submit((token, arrived))
            is_new = kept.is_new
            if not is_new:
                await _in_thread(upload.stand_in, kept.artifact_id)
        finally:
            if not is_new:
                await _in_thread(upload.discard)
        return json_answer(kept.stored, status=201 if is_new else 200)

    @operation(
        needs=Permission.TASKS_READ,
        answers={200: Media({"application/octet-stream": bytes})},
    )
    async def get(self, exchange: Exchange) -> None:
        """Send a file as it was stored, to be kept: a browser is to show nothing of it."""
        asked = Asked(readers.of(exchange), _attempt_id(exchange), exchange.part("name"))
        if not _is_name(asked.name):
            raise NotFound("no file can have this name")
        found = await self.reading.submit(asked)
        file = await _in_thread(_opened, found)
        try:
            headers = [
                *_TO_KEEP,
                (b"content-length", str(found.size_bytes).encode()),
                (b"x-content-sha256", found.sha256.encode()),
            ]
            await exchange.begin(Answer(media_type=b"application/octet-stream", headers=headers))
            while piece := await _in_thread(file.read, WRITE_BYTES):
                await exchange.piece(piece)
            await exchange.end()
        finally:
            file.close()

    async def _write(self, exchange: Exchange, upload: Upload) -> None:
        waiting = bytearray()
        patience_s = conf.artifact_patience_s()
        body = self._bodies.pieces(exchange, limit_bytes=ARTIFACT_BYTES, patience_s=patience_s)
        async with aclosing(body) as pieces:
            async for piece in pieces:
                waiting += piece
                if len(waiting) >= WRITE_BYTES:
                    await _in_thread(upload.write, bytes(waiting))
                    waiting.clear()
        await _in_thread(upload.write, bytes(waiting))


async def _in_thread(work: Callable[..., Result], *arguments: Any) -> Result:
    """Do file work away from the event loop.

    Raises:
        Unavailable: the disk takes no more.
    """
    try:
        return await asyncio.to_thread(work, *arguments)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise Unavailable("there is no room for artifacts", retry_after_s=30.0) from error


def _opened(artifact: Artifact) -> BinaryIO:
    try:
        return (conf.artifacts_dir() / str(artifact.pk)).open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"the bytes of {artifact.name!r} are not there any more") from error


def _attempt_id(exchange: Exchange) -> UUID:
    attempt_id = ids.as_uuid(exchange.part("attempt_id"))
    if attempt_id is None:
        raise NotFound("no such attempt")
    return attempt_id


def _is_name(text: str) -> bool:
    return text.isprintable() and len(text) <= LONGEST_NAME


def _name(exchange: Exchange) -> str:
    name = exchange.part("name")
    if not _is_name(name):
        problem = FieldProblem("/name", "name", f"at most {LONGEST_NAME} printable characters")
        raise Malformed("this is no name of an artifact", errors=[problem])
    return name


def _announced(exchange: Exchange) -> Arrival:
    """Return what the path and the headers say."""
    attempt_id, name = _attempt_id(exchange), _name(exchange)
    sha256 = exchange.header(b"x-content-sha256").lower()
    if not _SHA256.fullmatch(sha256):
        raise Malformed("X-Content-SHA256 must be 64 hexadecimal digits")
    return Arrival(
        attempt_id=attempt_id,
        attempt_token=exchange.header(b"x-attempt-token"),
        name=name,
        sha256=sha256,
        size_bytes=0,
        artifact_id=clock.new_id(),
    )


def _store(deliveries: Sequence[Delivery]) -> list[Kept | DomainError]:
    now = clock.now()
    who = authentication.authenticate_many([token for token, _ in deliveries], now=now)
    return [
        Unauthenticated("this token is not valid")
        if principal is None
        else artifacts.store(arrival, agent_id=_agent_of(principal), now=now)
        for principal, (_, arrival) in zip(who, deliveries, strict=True)
    ]


def _agent_of(principal: Principal) -> UUID:
    if principal.kind is not PrincipalKind.AGENT:
        raise NotFound("no such attempt")
    return principal.id
