"""Was this request answered before? Then it is answered the same, and nothing new is made or done.

The draft is "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header-07).
The key's row is written first, in the transaction of the change itself: the change and its answer
are both there, or neither. A refusal changes nothing and is not kept: the key stays free.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import DatabaseError, transaction

from k8s4r import clock, database, failpoints
from k8s4r.api.models import IdempotencyRecord
from k8s4r.core.errors import (
    FieldProblem,
    IdempotencyMismatch,
    Invalid,
    SecretShownOnce,
    StillRunning,
)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
LONGEST_KEY: Final = 255
# Work that commits in parts and has not ended by then was lost with its process.
LOST_AFTER: Final = timedelta(minutes=2)
_LONGEST_ROUTE: Final = 100
_RUNNING: Final = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be a repetition: whose token asks, where, under which key, for what."""

    principal: str
    route: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    ``withheld`` names the member of the body that is a secret: it is shown this once.
    """

    status: int
    body: bytes
    location: str = ""
    withheld: str = ""
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Return what it says beside its body: where the thing is, and whether it is new."""
        said = {"Location": self.location} if self.location else {}
        return said | ({REPLAYED: "true"} if self.replayed else {})


Work = Callable[[], Answer]

# Its number stands for a key: who has the lock answers, until the end of the transaction.
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
_RESERVE: Final = """
INSERT INTO api_idempotencyrecord (
    id, principal, route, key, request_hash, status, response, created_at)
VALUES (%(id)s, %(principal)s, %(route)s, %(key)s, %(hash)s, 0, '', %(now)s)
ON CONFLICT (principal, route, key) DO UPDATE SET created_at = excluded.created_at
WHERE api_idempotencyrecord.status = 0 AND api_idempotencyrecord.created_at <= %(lost)s
  AND api_idempotencyrecord.request_hash = excluded.request_hash
RETURNING id
"""


def asked(key: str, *, principal: str, route: str, body: Any) -> Asked | None:
    """Return the request that may be a repetition, ``None`` when it came without a key.

    Raises:
        Invalid: the key is too long or not printable ASCII.
    """
    if not key:
        return None
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        detail = f"1 to {LONGEST_KEY} printable ASCII characters"
        raise Invalid(f"{HEADER}: {detail}", errors=[FieldProblem(HEADER, "key", detail)])
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return Asked(principal, _short(route), key, hashlib.sha256(content).digest())


def once(request: Asked | None, work: Work, *, now: datetime) -> Answer:
    """Do the work and remember its answer, or return the answer that it had.

    The work runs in the transaction that keeps its answer: both are there, or neither.

    Locks: the key, until the end of the transaction; without waiting.

    Raises:
        IdempotencyMismatch: the key was used for another request.
        StillRunning: the first request has not ended.
        SecretShownOnce: the answer that it had held a secret.
    """
    return work() if request is None else _once(request, work, now=now)


def in_parts(request: Asked | None, work: Work, *, now: datetime) -> Answer:
    """Do work that commits in parts and remember its answer, or return the answer that it had.

    For what does no harm when it is done again: when its process dies in between, a repetition
    after `LOST_AFTER` does the rest.

    Raises:
        IdempotencyMismatch: the key was used for another request.
        StillRunning: the first request has not ended.
    """
    if request is None:
        return work()
    row_id = _reserved(request, now=now)
    if row_id is None:
        return _earlier(request)
    try:
        answer = work()
    except Exception:
        # What was done stays done; the key is free for the rest of it.
        with suppress(DatabaseError):
            IdempotencyRecord.objects.filter(pk=row_id).delete()
        raise
    _keep(row_id, answer)
    return answer


@transaction.atomic
def _once(request: Asked, work: Work, *, now: datetime) -> Answer:
    name = "\n".join((request.principal, request.route, request.key))
    ((is_ours,),) = database.rows(_LOCK, [name])
    row_id = _reserved(request, now=now) if is_ours else None
    if row_id is None:
        return _earlier(request)
    answer = work()
    _keep(row_id, answer)
    failpoints.reach("create.before_commit")
    return answer


def _reserved(request: Asked, *, now: datetime) -> UUID | None:
    """Return the id of the key's row when this is the first request with it, or takes it over."""
    parameters = {
        "id": clock.new_id(),
        "principal": request.principal,
        "route": request.route,
        "key": request.key,
        "hash": request.request_hash,
        "now": now,
        "lost": now - LOST_AFTER,
    }
    found = database.rows(_RESERVE, parameters)
    return UUID(str(found[0][0])) if found else None


def _keep(row_id: UUID, answer: Answer) -> None:
    kept = _without(answer.body, answer.withheld) if answer.withheld else answer.body
    IdempotencyRecord.objects.filter(pk=row_id).update(
        status=answer.status, response=kept, location=answer.location, withheld=answer.withheld
    )


def _without(body: bytes, secret: str) -> bytes:
    return orjson.dumps({name: v for name, v in orjson.loads(body).items() if name != secret})


def _earlier(request: Asked) -> Answer:
    record = IdempotencyRecord.objects.filter(
        principal=request.principal, route=request.route, key=request.key
    ).first()
    # The first has not committed; or it was refused just now, and the key is free again.
    if record is None:
        raise _still_running(request)
    if bytes(record.request_hash) != request.request_hash:
        raise IdempotencyMismatch(f"the key {request.key} was used for another request")
    if record.status == _RUNNING:
        raise _still_running(request)
    if record.withheld:
        raise _shown(record)
    return Answer(record.status, bytes(record.response), record.location, replayed=True)


def _still_running(request: Asked) -> StillRunning:
    return StillRunning(f"the first request with the key {request.key} has not ended")


def _shown(record: IdempotencyRecord) -> SecretShownOnce:
    made = orjson.loads(bytes(record.response))
    return SecretShownOnce(
        f"this request was answered before: it made the {record.withheld} of {made['id']}, which"
        " was shown once and is not kept; nothing was made now. If it was lost, revoke it and ask"
        " for another under a new key",
        made=made,
    )


def _short(route: str) -> str:
    """Return a route as it fits the column: paths hold what callers write."""
    if len(route) <= _LONGEST_ROUTE:
        return route
    return hashlib.sha256(route.encode("utf-8", "surrogatepass")).hexdigest()
