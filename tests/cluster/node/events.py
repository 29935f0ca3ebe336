"""What does the node tell about a pod? Events, as ``kubectl describe pod`` shows them."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.cluster.api import ApiError
from tests.cluster.node import statuses
from tests.cluster.node.api import NodeApi

Json = dict[str, Any]


async def tell(api: NodeApi, pod: Json, reason: str, message: str) -> None:
    """Write a warning about a pod; one that cannot be written is left out."""
    metadata = pod["metadata"]
    now = statuses.moment(datetime.now(UTC))
    event = {
        "metadata": {"name": f"{metadata['name']}.{secrets.token_hex(8)}"},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": "kubelet", "host": pod["spec"].get("nodeName", "")},
    }
    with suppress(ApiError, httpx2.TransportError):
        await api.post(f"/api/v1/namespaces/{metadata['namespace']}/events", event)
