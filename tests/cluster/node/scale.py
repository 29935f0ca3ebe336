"""How does a node pretend to run thousands of pods? It writes their statuses, and runs nothing."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.cluster.api import ApiError
from tests.cluster.node import statuses
from tests.cluster.node.api import CONFLICT, NOT_FOUND, NodeApi

logger = logging.getLogger(__name__)
Json = dict[str, Any]
# So many are told at once; the apiserver of a small machine does about 500 a second.
AT_ONCE = 32
AGAIN_S = 1.0


@dataclass(slots=True)
class Pretender:
    """All pods of one node, in status only: Running when they come, gone when they are deleted."""

    api: NodeApi
    _due: "asyncio.Queue[Json]" = field(default_factory=asyncio.Queue)

    def see(self, pod: Json) -> None:
        """Take note of a pod that came or changed."""
        is_new = pod.get("status", {}).get("phase", statuses.PENDING) == statuses.PENDING
        if is_new or "deletionTimestamp" in pod["metadata"]:
            self._due.put_nowait(pod)

    async def run(self) -> None:
        """Tell the apiserver what is due, for ever."""
        await asyncio.gather(*(self._work() for _ in range(AT_ONCE)))

    async def _work(self) -> None:
        while True:
            pod = await self._due.get()
            try:
                await self._tell(pod)
            except ApiError as refused:
                if refused.status not in {NOT_FOUND, CONFLICT}:
                    logger.warning("pod_not_told", extra={"error": repr(refused)})
            except httpx2.TransportError:
                asyncio.get_running_loop().call_later(AGAIN_S, self._due.put_nowait, pod)

    async def _tell(self, pod: Json) -> None:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            uid = {"uid": metadata["uid"]}
            await self.api.delete(path, {"gracePeriodSeconds": 0, "preconditions": uid})
            return
        now = datetime.now(UTC)
        entries = [
            statuses.container(spec, statuses.running(now), id_=metadata["uid"])
            for spec in pod["spec"]["containers"]
        ]
        status = statuses.pod(statuses.RUNNING, entries, began=now, now=now)
        await self.api.patch(f"{path}/status", {"status": status})
