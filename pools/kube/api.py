"""How is one call made to a cluster? Raw JSON with a time limit, every failure an error of ours.

The client's models are left out: one object with a missing field would fail a whole list, and
reading costs three times as much.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec

from k8s4r.core.errors import DomainError
from pools.core.ports import ClusterUnreachable
from pools.kube import errors

Query: TypeAlias = Mapping[str, str | int]
JsonObject: TypeAlias = dict[str, Any]
Shape = TypeVar("Shape", bound=msgspec.Struct)

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

# Connect, read; seconds.
PATIENCE: Final = (3.0, 30.0)
PROBE: Final = (3.0, 5.0)
# A page of 500 pods has some 5 MB.
MOST_BYTES: Final = 64 << 20


class Client(Protocol):
    """What we use of `kubernetes.client.ApiClient`."""

    def param_serialize(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]: ...

    def call_api(self, *args: Any, **kwargs: Any) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call: its path, query and JSON body, and how long to wait (connect, read; seconds)."""

    path: str
    method: str = "GET"
    query: Query = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: str = JSON
    patience: tuple[float, float] = PATIENCE

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Api:
    """The calls that one account makes to one cluster; safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def call(self, request: Request) -> JsonObject:
        """Return the object that the cluster answers with.

        Raises:
            DomainError: one of `pools.core.ports`.
        """
        raw = self.content(request)
        try:
            found = json.loads(raw)
        except ValueError as error:
            raise ClusterUnreachable(f"{request}: the answer is no JSON") from error
        return found if isinstance(found, dict) else {}

    def read(self, request: Request, shape: type[Shape]) -> Shape:
        """Return what the cluster answers with, as far as ``shape`` has a place for it."""
        raw = self.content(request)
        try:
            return msgspec.json.decode(raw, type=shape)
        except ValueError as error:
            raise ClusterUnreachable(f"{request}: the answer is none: {error}") from error

    def content(self, request: Request) -> bytes:
        """Return what the cluster answers with, as it is."""
        return self._read(self._send(request), str(request))

    def lines(self, request: Request) -> Iterator[bytes]:
        """Yield the lines of an answer that goes on; ends when the cluster ends it."""
        response = self._send(request)
        try:
            with errors.translated(str(request)):
                yield from _lines(response.response)
        finally:
            response.response.close()

    def _send(self, request: Request) -> Any:
        call = self._client.param_serialize(
            method=request.method,
            resource_path=request.path,
            query_params=list(request.query.items()),
            header_params={"Accept": JSON, "Content-Type": request.content},
            body=request.body,
            auth_settings=["BearerToken"],
        )
        with errors.translated(str(request)):
            response = self._client.call_api(*call, _request_timeout=request.patience)
        if response.status // 100 != 2:
            raise self._refusal(str(request), response)
        return response

    def _refusal(self, what: str, response: Any) -> DomainError:
        body = self._read(response, what)
        return errors.of_answer(what, response.status, response.headers, body)

    def _read(self, response: Any, what: str) -> bytes:
        with errors.translated(what):
            raw: bytes = response.response.read(MOST_BYTES + 1)
            response.response.release_conn()
        if len(raw) > MOST_BYTES:
            raise ClusterUnreachable(f"{what}: the answer is larger than {MOST_BYTES} bytes")
        return raw


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(65536, decode_content=True):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest
