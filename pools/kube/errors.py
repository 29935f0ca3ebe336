"""What does a failed call to a cluster mean? The library's errors and Kubernetes' become ours."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import urllib3

from k8s4r.core.errors import DomainError
from pools.core.ports import (
    AlreadyExists,
    ClusterRefused,
    ClusterUnreachable,
    OtherPod,
    QuotaExceeded,
    WatchExpired,
)

MESSAGE_CHARACTERS: Final = 1000
# Kubernetes says it may be asked again; nothing is known about what happened, save with 429.
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_RETRY_AFTER_MOST_S: Final = 300


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn whatever the network or the client raises into `ClusterUnreachable`."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError, EOFError) as error:
        raise ClusterUnreachable(f"{what}: {_short(error)}") from error


def of_answer(what: str, status: int, headers: Mapping[str, str], body: bytes) -> DomainError:
    """Return the error that an answer other than 2xx stands for."""
    said = _status_of(body)
    reason = str(said.get("reason", ""))
    sentence = f"{what}: {status} {said.get('message') or reason}"[:MESSAGE_CHARACTERS]
    if status in _AGAIN:
        return ClusterUnreachable(sentence, retry_after_s=_retry_after_s(headers))
    if status == 410:
        return WatchExpired(sentence)
    if status == 409:
        return AlreadyExists(sentence) if reason == "AlreadyExists" else OtherPod(sentence)
    if status == 403 and "exceeded quota" in sentence:
        return QuotaExceeded(sentence, http_status=status, reason=reason)
    return ClusterRefused(sentence, http_status=status, reason=reason)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    said = headers.get("Retry-After", "")
    return float(min(int(said), _RETRY_AFTER_MOST_S)) if said.isdigit() else 1.0


def _status_of(body: bytes) -> dict[str, Any]:
    """Return the ``Status`` object of an answer; what is none counts as its text."""
    try:
        found = json.loads(body)
    except ValueError:
        return {"message": body[:200].decode(errors="replace")}
    return found if isinstance(found, dict) else {}


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MESSAGE_CHARACTERS]
