"""How does a pod live on this node? From the moment that it is bound here to its removal.

::

    files -> containers -> (ended | deleted: SIGTERM, grace, SIGKILL) -> DELETE with grace 0
"""

import asyncio
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.cluster.api import ApiError
from tests.cluster.node import events, faults, statuses
from tests.cluster.node.api import CONFLICT, NOT_FOUND, NodeApi
from tests.cluster.node.containers import Container
from tests.cluster.node.contents import Contents, Missing
from tests.cluster.node.faults import Fault
from tests.cluster.node.volumes import Volumes

logger = logging.getLogger(__name__)
Json = dict[str, Any]
AGAIN_S = 0.5


@dataclass(slots=True)
class PodWorker:
    """One pod on this node.

    Attributes:
        pod: as the apiserver had it last.
        is_silent: the node hears and tells nothing, and what runs goes on.
        is_unwell: the node is not ready, and others may say of the pod what they like.
    """

    api: NodeApi
    pod: Json
    folder: Path
    namespace: Json = field(default_factory=lambda: {"metadata": {}})
    containers: list[Container] = field(default_factory=list)
    is_silent: bool = False
    is_unwell: bool = False
    _is_gone: bool = False
    _fault_shown: Fault = Fault.NONE
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _conditions: dict[str, Json] = field(default_factory=dict)
    _published: Json = field(default_factory=dict)

    @property
    def path(self) -> str:
        metadata = self.pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    @property
    def is_removed(self) -> bool:
        """Return whether the apiserver has it no more, as far as the node heard."""
        return self._is_gone and not self.is_silent

    @property
    def is_deleted(self) -> bool:
        """Return whether it has to end, as far as the node heard."""
        is_marked = "deletionTimestamp" in self.pod["metadata"]
        return (self._is_gone or is_marked) and not self.is_silent

    @property
    def fault(self) -> Fault:
        return faults.of(self.pod, self.namespace)

    def update(self, pod: Json) -> None:
        """Take note of a change of the pod."""
        self.pod = pod
        if not self.is_unwell and self._is_contradicted():
            self._published = {}
        self.wake()

    def _is_contradicted(self) -> bool:
        """Return whether others say now that it is not ready, and it is."""
        told = self._conditions.get("Ready", {}).get("status")
        found = {one["type"]: one["status"] for one in self.pod["status"].get("conditions", [])}
        return told == "True" and found.get("Ready") == "False"

    def remove(self) -> None:
        """Take note that the apiserver has it no more."""
        self._is_gone = True
        self.wake()

    def wake(self) -> None:
        """Look again at what is to be done."""
        self._wake.set()

    async def run(self) -> None:
        """Live until it is removed; whatever happens, its processes and files go."""
        try:
            self.namespace = await self._read_namespace()
            if await self._is_prepared():
                await self._attend()
            await self._depart()
        finally:
            await asyncio.gather(*(container.stop(0) for container in self.containers))
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _read_namespace(self) -> Json:
        with suppress(ApiError, httpx2.TransportError):
            return await self.api.get(f"/api/v1/namespaces/{self.pod['metadata']['namespace']}")
        return {"metadata": {}}

    async def _is_prepared(self) -> bool:
        """Return whether there is something to run; waits for what is missing until then."""
        if self.pod.get("status", {}).get("phase") in {statuses.SUCCEEDED, statuses.FAILED}:
            return False
        while not self.is_deleted:
            if self.fault in faults.BEFORE_START:
                await self._show_held()
                continue
            try:
                await self._prepare()
            except Missing as missing:
                await self._show_waiting("CreateContainerConfigError", str(missing))
                await events.tell(self.api, self.pod, "FailedMount", str(missing))
            except (ApiError, httpx2.TransportError) as error:
                logger.warning("pod_not_prepared", extra={"pod": self.path, "error": repr(error)})
            else:
                return True
            await self._changes(within_s=AGAIN_S)
        return False

    async def _show_held(self) -> None:
        if self.fault is Fault.STUCK:
            await self._show_waiting("ContainerCreating")
        else:
            image = self.pod["spec"]["containers"][0]["image"]
            await self._show_waiting("ErrImagePull", f'failed to pull and unpack image "{image}"')
            await events.tell(self.api, self.pod, "Failed", f'Failed to pull image "{image}"')
            await self._changes(within_s=AGAIN_S)
            await self._show_waiting("ImagePullBackOff", f'Back-off pulling image "{image}"')
        await self._changes(within_s=None)

    async def _show_waiting(self, reason: str, message: str = "") -> None:
        state = statuses.waiting(reason, message)
        entries = [statuses.container(one, state) for one in self.pod["spec"]["containers"]]
        await self._publish(statuses.PENDING, entries)

    async def _prepare(self) -> None:
        volumes = Volumes(self.folder / "volumes", self.pod)
        contents = Contents(self.api, self.pod)
        await volumes.fill(contents)
        self.containers = [
            Container(
                spec=spec,
                pod=self.pod,
                folder=self.folder / "containers" / spec["name"],
                environment=await contents.environment(spec),
                mounts=volumes.mounts(spec),
                changed=self.wake,
            )
            for spec in self.pod["spec"]["containers"]
        ]

    async def _attend(self) -> None:
        """Run the containers and show how they are, until they have ended or must."""
        await self._show_waiting("ContainerCreating")
        for container in self.containers:
            container.begin()
        renew_after_s = Volumes(self.folder / "volumes", self.pod).renew_after_s()
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + renew_after_s if renew_after_s else None
        while not self.is_removed:
            if self.is_deleted and self.fault is not Fault.UNKILLABLE:
                return
            if self.fault is not self._fault_shown and await self._is_struck():
                return
            await self._show()
            if all(container.is_final for container in self.containers):
                return
            left_s = None if renew_at is None else renew_at - loop.time()
            if not await self._changes(within_s=left_s) and renew_after_s:
                await self._renew()
                renew_at = loop.time() + renew_after_s

    async def _renew(self) -> None:
        with suppress(ApiError, httpx2.TransportError, Missing):
            await Volumes(self.folder / "volumes", self.pod).fill(Contents(self.api, self.pod))

    async def _is_struck(self) -> bool:
        """Let a fault happen to what runs; return whether that was the end of the pod."""
        self._fault_shown = self.fault
        if self.fault is Fault.OOM_KILLED:
            for container in self.containers:
                container.kill("OOMKilled")
        if self.fault is not Fault.EVICTED:
            return False
        await asyncio.gather(*(container.stop(0) for container in self.containers))
        entries = [container.status() for container in self.containers]
        why = {"reason": "Evicted", "message": faults.EVICTION_MESSAGE}
        await events.tell(self.api, self.pod, "Evicted", faults.EVICTION_MESSAGE)
        await self._publish(statuses.FAILED, entries, **why)
        return True

    async def _show(self) -> None:
        are_final = all(container.is_final for container in self.containers)
        states = [container.state for container in self.containers]
        phase = statuses.phase_of(states, are_final=are_final)
        await self._publish(phase, [container.status() for container in self.containers])

    async def _depart(self) -> None:
        """Wait until the pod is deleted, end what runs, and tell the apiserver that it is gone."""
        while not self.is_deleted:
            await self._changes(within_s=None)
        grace_s = 0 if self.is_removed else self._grace_s()
        await asyncio.gather(*(container.stop(grace_s) for container in self.containers))
        if self.containers and not self.is_removed:
            await self._show()
        while not self.is_removed:
            with suppress(httpx2.TransportError):
                await self._delete()
            await self._changes(within_s=AGAIN_S)

    def _grace_s(self) -> float:
        return float(self.pod["metadata"].get("deletionGracePeriodSeconds") or 0)

    async def _delete(self) -> None:
        precondition = {"uid": self.pod["metadata"]["uid"]}
        try:
            await self.api.delete(
                self.path, {"gracePeriodSeconds": 0, "preconditions": precondition}
            )
        except ApiError as refused:
            # Somebody was faster: the name is free, or another pod has it.
            self._is_gone = refused.status in {NOT_FOUND, CONFLICT}

    async def _changes(self, *, within_s: float | None) -> bool:
        """Wait until something has changed; return whether it has."""
        with suppress(TimeoutError):
            await asyncio.wait_for(
                self._wake.wait(), None if within_s is None else max(0, within_s)
            )
            self._wake.clear()
            return True
        return False

    async def _publish(self, phase: str, entries: Sequence[Json], **more: str) -> None:
        """Write the status; after a failure the next change brings it all."""
        now = datetime.now(UTC)
        status = statuses.pod(phase, entries, began=self._began, now=now, **more)
        status["conditions"] = [self._kept(condition) for condition in status["conditions"]]
        if status == self._published or self.is_silent:
            return
        try:
            await self.api.patch(f"{self.path}/status", {"status": status})
        except ApiError as refused:
            if refused.status == NOT_FOUND:
                self.remove()
        except httpx2.TransportError as error:
            logger.warning("status_not_written", extra={"pod": self.path, "error": repr(error)})
            asyncio.get_running_loop().call_later(AGAIN_S, self.wake)
        else:
            self._published = status

    def _kept(self, condition: Json) -> Json:
        """Return the condition with the moment when it last became what it is."""
        known = self._conditions.get(condition["type"])
        if known is not None and known["status"] == condition["status"]:
            condition = {**condition, "lastTransitionTime": known["lastTransitionTime"]}
        self._conditions[condition["type"]] = condition
        return condition
