"""Was this create answered before? Then it is answered the same, and nothing new is made.

The draft is "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header).
The key's row is written first, in the transaction of the create itself. A second request with the
same key waits at the unique index until the first has ended: it then finds the answer, or, when the
first failed, the way free.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.db import transaction

from k8s4r import clock, database, failpoints
from k8s4r.api.models import IdempotencyRecord
from k8s4r.core.errors import FieldProblem, IdempotencyMismatch, Invalid

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
LONGEST_KEY: Final = 255


@dataclass(frozen=True, slots=True)
class Create:
    """One create that may be a repetition: who asks, where, under which key, and for what."""

    principal: str
    route: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a create is answered with."""

    status: int
    body: bytes
    replayed: bool = False


_RESERVE: Final = """
INSERT INTO api_idempotencyrecord (
    id, principal, route, key, request_hash, status, response, created_at)
VALUES (%(id)s, %(principal)s, %(route)s, %(key)s, %(hash)s, 0, '', %(now)s)
ON CONFLICT (principal, route, key) DO NOTHING
RETURNING id
"""


def create_from(key: str, *, principal: str, route: str, body: Any) -> Create | None:
    """Return the create that a request is, ``None`` when it came without a key.

    Raises:
        Invalid: the key is too long or not printable ASCII.
    """
    if not key:
        return None
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        detail = f"1 to {LONGEST_KEY} printable ASCII characters"
        raise Invalid(f"{HEADER}: {detail}", errors=[FieldProblem(HEADER, "key", detail)])
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return Create(principal, route, key, hashlib.sha256(content).digest())


def once(create: Create | None, work: Callable[[], Answer], *, now: datetime) -> Answer:
    """Do the work and remember its answer, or return the answer that it had.

    The work runs in the transaction that keeps its answer: both are there, or neither.

    Locks: the key, until the end of the transaction.

    Raises:
        IdempotencyMismatch: the key was used for another request.
    """
    return work() if create is None else _once(create, work, now=now)


@transaction.atomic
def _once(create: Create, work: Callable[[], Answer], *, now: datetime) -> Answer:
    row_id = clock.new_id()
    if not database.rows(_RESERVE, _parameters(create, row_id, now)):
        return _earlier(create)
    answer = work()
    IdempotencyRecord.objects.filter(pk=row_id).update(status=answer.status, response=answer.body)
    failpoints.reach("create.before_commit")
    return answer


def _parameters(create: Create, row_id: object, now: datetime) -> dict[str, Any]:
    return {
        "id": row_id,
        "principal": create.principal,
        "route": create.route,
        "key": create.key,
        "hash": create.request_hash,
        "now": now,
    }


def _earlier(create: Create) -> Answer:
    record = IdempotencyRecord.objects.get(
        principal=create.principal, route=create.route, key=create.key
    )
    if bytes(record.request_hash) != create.request_hash:
        raise IdempotencyMismatch(f"the key {create.key} was used for another request")
    return Answer(record.status, bytes(record.response), replayed=True)
