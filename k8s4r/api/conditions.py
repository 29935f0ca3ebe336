"""May this change be made, or did somebody change the same since the caller looked?

An ``ETag`` is ``"VERSION-DIGEST"``. The version is that of the settings alone: a heartbeat or a
change of state makes another answer, and spoils nobody's change. ``If-Match`` (RFC 9110, 13.1.1)
compares versions on the locked row.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from django.db import transaction
from django.db.models import Model
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r.api.rendering import dumps
from k8s4r.core.errors import PreconditionFailed

T = TypeVar("T")

HEADER: Final = "If-Match"
ANY: Final = "*"


class IfMatch(msgspec.Struct):
    """The ETag under which the caller knows the thing; another version of it is not changed."""

    if_match: str | None = msgspec.field(name=HEADER, default=None)


def tagged(shape: Mapping[str, Any], row: Model, settings: Sequence[str]) -> Response:
    """Return an answer that shows a row, with its ETag; ``settings`` are the row's columns."""
    return Response(shape, headers={"ETag": f'"{version(row, settings)}-{_digest(shape)}"'})


def unless_changed(
    request: Request,
    lock: Callable[[], Model],
    settings: Sequence[str],
    work: Callable[[], Response],
) -> Response:
    """Do the work, with ``If-Match`` only when the settings are still those that it names.

    Locks: what ``lock`` locks, until the work is committed.

    Raises:
        PreconditionFailed: they are others by now.
    """
    asked = request.headers.get(HEADER, "").strip()
    if not asked or asked == ANY:
        return work()
    versions = {tag.strip().strip('"').partition("-")[0] for tag in asked.split(",")}
    return _guarded(lambda: version(lock(), settings) in versions, work)


def while_version(
    known: str, lock: Callable[[], Model], settings: Sequence[str], work: Callable[[], T]
) -> T:
    """Do the work only while the settings are those of a known `version`.

    Locks: what ``lock`` locks, until the work is committed.

    Raises:
        PreconditionFailed: they are others by now.
    """
    return _guarded(lambda: version(lock(), settings) == known, work)


def version(row: Model, settings: Sequence[str]) -> str:
    """Return the version of a row's settings, which are columns of it."""
    return _digest({column: getattr(row, column) for column in settings})


@transaction.atomic
def _guarded(is_same: Callable[[], bool], work: Callable[[], T]) -> T:
    if not is_same():
        raise PreconditionFailed("somebody changed it since you read it: read it again")
    return work()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(dumps(content)).hexdigest()[:16]
