"""Which files has an attempt left? The bytes are the gateway's business, the rows are ours."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.wire.answers import StoredArtifact
from executors.core.fences import Fence
from executors.models import Artifact
from executors.services import rows
from k8s4r.core.errors import Conflict, NotFound, Superseded


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file whose bytes lie on disk under ``artifact_id``."""

    attempt_id: UUID
    attempt_token: str
    name: str
    sha256: str
    size_bytes: int
    artifact_id: UUID


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer, and under which id its bytes have to lie.

    ``is_new`` is false where the same file was there under another: the new bytes may go.
    """

    stored: StoredArtifact
    artifact_id: UUID
    is_new: bool


@transaction.atomic
def store(arrival: Arrival, *, agent_id: UUID, now: datetime) -> Kept:
    """Keep a file of a current attempt; the same file again is a success.

    Locks: the attempt's task; then the attempt.

    Raises:
        NotFound: there is no such attempt of this agent.
        Superseded: the attempt is no longer the current one, or the token is not its own.
        Conflict: another file of that name is there.
    """
    attempt = rows.lock([arrival.attempt_id]).attempts.get(arrival.attempt_id)
    if attempt is None or attempt.agent_id != agent_id:
        raise NotFound(f"there is no attempt {arrival.attempt_id}")
    fence = Fence(settings.ATTEMPT_KEY)
    if not attempt.is_current or not fence.admits(
        arrival.attempt_token, attempt.id, attempt.number
    ):
        raise Superseded(f"attempt {attempt.id} is no longer the current one")
    row, _ = Artifact.objects.get_or_create(
        attempt_id=attempt.id,
        name=arrival.name,
        defaults={
            "id": arrival.artifact_id,
            "sha256": arrival.sha256,
            "size_bytes": arrival.size_bytes,
            "stored_at": now,
        },
    )
    if row.sha256 != arrival.sha256:
        raise Conflict(f"attempt {attempt.id} has another file named {arrival.name!r}")
    answer = StoredArtifact(
        attempt=attempt.id, name=row.name, sha256=row.sha256, size_bytes=row.size_bytes
    )
    # By the id: this very arrival may be asked for again because the word of its commit got lost.
    return Kept(answer, row.pk, is_new=row.pk == arrival.artifact_id)
