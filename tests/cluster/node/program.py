"""What does the node's process do? It registers, follows its pods, and serves their logs."""

import asyncio
import logging
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.node.api import NodeApi
from tests.cluster.node.kubelet import Kubelet, Trust
from tests.cluster.node.pods import PodWorker
from tests.cluster.node.registration import Registration
from tests.cluster.node.scale import Pretender

logger = logging.getLogger(__name__)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the node is, and what it is.

    Attributes:
        pki: folder with ca.crt, kubelet.crt and kubelet.key.
        capacity: its resources, as Kubernetes writes them.
        pretends: whether pods are only said to run.
    """

    server: str
    token: str
    pki: Path
    folder: Path
    name: str
    labels: dict[str, str]
    capacity: dict[str, str]
    pretends: bool = False


@dataclass(slots=True)
class Node:
    """The node and the pods on it."""

    settings: Settings
    api: NodeApi
    workers: dict[tuple[str, str], PodWorker] = field(default_factory=dict)
    _tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _pretender: Pretender | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; no process of a pod outlives it."""
        settings = self.settings
        trust = Trust(
            settings.pki / "kubelet.crt", settings.pki / "kubelet.key", settings.pki / "ca.crt"
        )
        port = await Kubelet(self.workers).start(trust)
        entry = Registration(self.api, settings.name, settings.labels, settings.capacity, port)
        await entry.register()
        (settings.folder / "ready").touch()
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        busy = [asyncio.create_task(entry.keep()), asyncio.create_task(self._follow(entry))]
        if settings.pretends:
            self._pretender = Pretender(self.api)
            busy.append(asyncio.create_task(self._pretender.run()))
        ended = asyncio.create_task(over.wait())
        await asyncio.wait([ended, *busy], return_when=asyncio.FIRST_COMPLETED)
        await self._end([*busy, *self._tasks.values()])
        for task in busy:
            if task.done() and not task.cancelled():
                task.result()

    async def _end(self, tasks: "list[asyncio.Task[None]]") -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        shutil.rmtree(self.settings.folder / "pods", ignore_errors=True)

    async def _follow(self, entry: Registration) -> None:
        selector = f"spec.nodeName={self.settings.name}"
        silence = asyncio.create_task(self._spread_silence(entry))
        try:
            async for kind, seen in self.api.follow("/api/v1/pods", fieldSelector=selector):
                self._hear(kind, seen)
        finally:
            silence.cancel()

    def _hear(self, kind: str, seen: Json) -> None:
        if kind == "LISTED":
            there = {pod["metadata"]["uid"] for pod in seen["items"]}
            for worker in self.workers.values():
                if worker.pod["metadata"]["uid"] not in there:
                    worker.remove()
            for pod in seen["items"]:
                self._see(pod)
        elif kind == "DELETED":
            known = self.workers.get(_key(seen))
            if known is not None and known.pod["metadata"]["uid"] == seen["metadata"]["uid"]:
                known.remove()
        else:
            self._see(seen)

    def _see(self, pod: Json) -> None:
        if self._pretender is not None:
            self._pretender.see(pod)
            return
        uid = pod["metadata"]["uid"]
        known = self.workers.get(_key(pod))
        if known is not None and known.pod["metadata"]["uid"] == uid:
            known.update(pod)
            return
        if known is not None:
            known.remove()
        worker = PodWorker(self.api, pod, self.settings.folder / "pods" / uid)
        self.workers[_key(pod)] = worker
        task = asyncio.create_task(worker.run())
        self._tasks[uid] = task
        task.add_done_callback(lambda _task: self._forget(worker))

    def _forget(self, worker: PodWorker) -> None:
        task = self._tasks.pop(worker.pod["metadata"]["uid"])
        if not task.cancelled() and task.exception() is not None:
            logger.error("pod_worker_ended", exc_info=task.exception())
        if self.workers.get(_key(worker.pod)) is worker:
            del self.workers[_key(worker.pod)]

    async def _spread_silence(self, entry: Registration) -> None:
        while True:
            for worker in self.workers.values():
                if (worker.is_silent, worker.is_unwell) != (entry.is_silent, bool(entry.mood)):
                    worker.is_silent, worker.is_unwell = entry.is_silent, bool(entry.mood)
                    worker.update(worker.pod)
            await asyncio.sleep(0.1)


def _key(pod: Json) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]
