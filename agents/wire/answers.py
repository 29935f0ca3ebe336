"""What does the server answer to uploads, and to what it refuses?"""

from uuid import UUID

from agents.wire.fields import Facts, Message


class StoredArtifact(Message, frozen=True):
    """``PUT attempts/{id}/artifacts/{name}``: what was stored."""

    attempt: UUID
    name: str
    sha256: str
    size_bytes: int


class Problem(Message, frozen=True):
    """An error answer: ``application/problem+json`` (RFC 9457) with a stable ``code``."""

    title: str
    status: int
    code: str
    type: str = "about:blank"
    detail: str = ""
    instance: str = ""
    request_id: str = ""
    errors: list[Facts] = []
