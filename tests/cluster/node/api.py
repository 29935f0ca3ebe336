"""How does the node speak with the apiserver? Requests and watches of one asyncio program."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from tests.cluster.api import ApiError

logger = logging.getLogger(__name__)
Json = dict[str, Any]
GONE, CONFLICT, NOT_FOUND = 410, 409, 404
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
PAUSE_S = 0.5
# A watch is ended by the apiserver after this and begun again; half-open ones end a little later.
WATCH_S = 300
AT_ONCE = 64


class NodeApi:
    """One identity, one apiserver, many requests at once."""

    def __init__(self, server: str, *, ca: Path, token: str) -> None:
        self._client = httpx2.AsyncClient(
            base_url=server,
            verify=ssl.create_default_context(cafile=str(ca)),
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(15, pool=None),
            limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
            trust_env=False,
        )

    async def get(self, path: str, **params: str) -> Json:
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, body: Json) -> Json:
        return await self._ask("POST", path, json=body)

    async def patch(self, path: str, body: Json) -> Json:
        """Merge into an object as Kubernetes' own parts do: lists by their keys."""
        return await self._ask("PATCH", path, content=json.dumps(body), headers=STRATEGIC)

    async def delete(self, path: str, body: Json) -> Json:
        return await self._ask("DELETE", path, json=body)

    async def _ask(self, method: str, path: str, **how: Any) -> Json:
        response = await self._client.request(method, path, **how)
        if response.is_error:
            raise _refusal(response.status_code, response.content)
        found: Json = response.json()
        return found

    async def follow(self, path: str, **selectors: str) -> AsyncIterator[tuple[str, Json]]:
        """Yield what there is and then what changes, for ever: ``(type, object)``.

        A list comes as ``LISTED`` with the whole list; whatever cuts the watch, another follows.
        """
        while True:
            try:
                listed = await self.get(path, **selectors)
                yield "LISTED", listed
                version = listed["metadata"]["resourceVersion"]
                async for kind, changed in self._watch(path, version, selectors):
                    yield kind, changed
            except (httpx2.TransportError, ApiError) as error:
                logger.warning("watch_cut", extra={"path": path, "error": repr(error)})
            await asyncio.sleep(PAUSE_S)

    async def _watch(
        self, path: str, version: str, selectors: dict[str, str]
    ) -> AsyncIterator[tuple[str, Json]]:
        while True:
            params = {**selectors, "watch": "true", "resourceVersion": version}
            params |= {"timeoutSeconds": str(WATCH_S), "allowWatchBookmarks": "true"}
            timeout = httpx2.Timeout(15, read=WATCH_S + 30, pool=None)
            async with self._client.stream("GET", path, params=params, timeout=timeout) as response:
                if response.is_error:
                    raise _refusal(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _refusal(
                            event["object"].get("code", GONE), json.dumps(event["object"]).encode()
                        )
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]


def _refusal(status: int, content: bytes) -> ApiError:
    try:
        said = json.loads(content)
    except ValueError:
        said = {}
    return ApiError(
        status, said.get("reason", ""), said.get("message", content[:500].decode(errors="replace"))
    )
