"""How does the cluster know that the node is there? A Node object, its conditions and its Lease.

======================  ==========================================================================
``k8s4r.test/node``     on the Node object: what is seen
======================  ==========================================================================
``not_ready``           Ready is False; its pods run on, and nobody says otherwise of them
``silent``              nothing is heard of it: Unknown after the grace period, its pods are
                        marked not ready by Kubernetes, and evicted after their toleration
======================  ==========================================================================
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.cluster.api import ApiError
from tests.cluster.node import statuses
from tests.cluster.node.api import CONFLICT, NOT_FOUND, NodeApi

logger = logging.getLogger(__name__)
Json = dict[str, Any]
ANNOTATION = "k8s4r.test/node"
NOT_READY, SILENT = "not_ready", "silent"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE_S = 40
EVERY_S = 2.0
KUBELET = "v1.36.3"


@dataclass(slots=True)
class Registration:
    """This node's entry in the cluster."""

    api: NodeApi
    name: str
    labels: dict[str, str]
    capacity: dict[str, str]
    port: int
    mood: str = ""

    @property
    def is_silent(self) -> bool:
        return self.mood == SILENT

    async def register(self) -> None:
        """Make the Node, or take over the one that is there."""
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", **self.labels}
        node = {"metadata": {"name": self.name, "labels": labels}}
        try:
            await self.api.post("/api/v1/nodes", node)
        except ApiError as refused:
            if refused.status != CONFLICT:
                raise
        await self._tell()

    async def keep(self) -> None:
        """Renew the Lease and the conditions for ever."""
        while True:
            try:
                await self._renew()
            except (ApiError, httpx2.TransportError) as error:
                logger.warning("node_not_renewed", extra={"error": repr(error)})
            await asyncio.sleep(EVERY_S)

    async def _renew(self) -> None:
        found = await self.api.get(f"/api/v1/nodes/{self.name}")
        mood = found["metadata"].get("annotations", {}).get(ANNOTATION, "")
        has_changed, self.mood = mood != self.mood, mood
        if self.is_silent:
            return
        spoiled = any(_is_spoiled(one) for one in found["status"].get("conditions", []))
        if has_changed or (spoiled and mood != NOT_READY):
            await self._tell()
        await self._renew_lease()

    async def _renew_lease(self) -> None:
        spec = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": LEASE_S,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        try:
            await self.api.patch(f"{LEASES}/{self.name}", {"spec": spec})
        except ApiError as refused:
            if refused.status != NOT_FOUND:
                raise
            await self.api.post(LEASES, {"metadata": {"name": self.name}, "spec": spec})

    async def _tell(self) -> None:
        is_ready = self.mood != NOT_READY
        now = statuses.moment(datetime.now(UTC))
        conditions = [_condition("Ready", is_true=is_ready, now=now)]
        conditions += [
            _condition(kind, is_true=False, now=now)
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
        ]
        status = {
            "capacity": self.capacity,
            "allocatable": self.capacity,
            "conditions": conditions,
            "addresses": [
                {"type": "InternalIP", "address": statuses.HOST_IP},
                {"type": "Hostname", "address": self.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
            "nodeInfo": {
                "machineID": self.name, "systemUUID": self.name, "bootID": self.name,
                "kernelVersion": "", "osImage": "processes", "operatingSystem": "linux",
                "architecture": "amd64", "containerRuntimeVersion": "process://1",
                "kubeletVersion": KUBELET, "kubeProxyVersion": "",
            },
        }  # fmt: skip
        await self.api.patch(f"/api/v1/nodes/{self.name}/status", {"status": status})


def _is_spoiled(condition: Json) -> bool:
    """Return whether others gave the node up while it was silent."""
    return bool(condition["type"] == "Ready" and condition["status"] != "True")


def _condition(kind: str, *, is_true: bool, now: str) -> Json:
    return {
        "type": kind,
        "status": "True" if is_true else "False",
        "reason": "ProcessNode",
        "message": "",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
