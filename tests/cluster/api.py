"""How does a test ask the apiserver? Paths and JSON, with TLS verified."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

Json = dict[str, Any]
# One path for each kind of patch, by the name that Kubernetes gives to its content.
PATCHES = ("merge-patch", "strategic-merge-patch", "json-patch")


class ApiError(Exception):
    """The apiserver refused; ``status`` is HTTP's, ``reason`` is Kubernetes' word."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Api:
    """One identity's way to one apiserver."""

    def __init__(self, server: str, *, ca: Path, token: str = "", timeout_s: float = 30.0) -> None:
        self.server = server
        self.ca = ca
        self.token = token
        self._client = httpx2.Client(
            base_url=server,
            verify=ssl.create_default_context(cafile=str(ca)),
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_s,
            trust_env=False,
        )

    def get(self, path: str, **params: Any) -> Json:
        """Return an object or a list."""
        return self._ask("GET", path, params=params)

    def text(self, path: str, **params: Any) -> str:
        """Return what is no JSON, such as a pod's log."""
        return self._response("GET", path, params=params).text

    def post(self, path: str, body: Mapping[str, Any], **params: Any) -> Json:
        """Create an object."""
        return self._ask("POST", path, json=dict(body), params=params)

    def put(self, path: str, body: Mapping[str, Any]) -> Json:
        """Replace an object."""
        return self._ask("PUT", path, json=dict(body))

    def patch(self, path: str, body: Any, *, kind: str = "merge-patch") -> Json:
        """Change an object; ``kind`` is one of ``PATCHES``."""
        assert kind in PATCHES
        return self._ask(
            "PATCH", path, json=body, headers={"Content-Type": f"application/{kind}+json"}
        )

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Delete an object or a collection; ``body`` has DeleteOptions."""
        return self._ask("DELETE", path, json=dict(body or {}))

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **how: Any) -> Json:
        found: Json = self._response(method, path, **how).json()
        return found

    def _response(self, method: str, path: str, **how: Any) -> httpx2.Response:
        response = self._client.request(method, path, **how)
        if response.is_error:
            raise _refusal(response)
        return response


def _refusal(response: httpx2.Response) -> ApiError:
    try:
        said = response.json()
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    return ApiError(
        response.status_code, said.get("reason", ""), said.get("message", response.text)
    )
