"""What is there in a cluster? Lists in pages, watches that end by themselves, single objects."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import msgspec

from pools.core.ports import (
    CONFIG_LABEL,
    ClusterRefused,
    ClusterUnreachable,
    Listing,
    PodSeen,
    WatchExpired,
)
from pools.kube import errors, shapes
from pools.kube.api import PROBE, Api, Query, Request

PAGE: Final = 500
# A list that grows while it is read is begun again, so often.
MOST_LISTS: Final = 3
WATCH_S: Final = 240
# The server ends a watch before; after this it is half-open.
WATCH_PATIENCE: Final = (3.0, 300.0)
LOG_LINES: Final = 2000


def pods_path(namespace: str, name: str = "") -> str:
    """Return the path of the pods of a namespace, or of one of them."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
    return f"{path}/{quote(name, safe='')}" if name else path


def version(api: Api) -> str:
    """Return which version answers."""
    return str(api.call(Request(path="/version", patience=PROBE)).get("gitVersion", ""))


def cluster_uid(api: Api) -> str:
    """Return the uid of kube-system; cheap, so that it tells soon whether anybody answers."""
    found = api.call(Request(path="/api/v1/namespaces/kube-system", patience=PROBE))
    uid = found.get("metadata", {}).get("uid")
    if not uid:
        raise ClusterUnreachable("the answer names no uid of kube-system")
    return str(uid)


def list_pods(api: Api, namespace: str, config: str) -> Listing:
    """Return every pod of a config, complete: a list that expires half-way is begun again."""
    for _ in range(MOST_LISTS - 1):
        try:
            return _pages(api, namespace, config)
        except WatchExpired:
            continue
    return _pages(api, namespace, config)


def _pages(api: Api, namespace: str, config: str) -> Listing:
    query: dict[str, str | int] = {"labelSelector": f"{CONFIG_LABEL}={config}", "limit": PAGE}
    pods: list[PodSeen] = []
    while True:
        page = api.read(Request(path=pods_path(namespace), query=query), shapes.PodList)
        if page.kind != "PodList" or page.items is None:
            raise ClusterUnreachable("the answer to a list of pods is none")
        pods += map(shapes.pod_seen, page.items)
        if not page.more:
            return Listing(pods=pods)
        query["continue"] = page.more


def watch_pods(api: Api, namespace: str, config: str) -> Iterator[str]:
    """Yield the names of pods that change from now on."""
    selector: dict[str, str | int] = {"labelSelector": f"{CONFIG_LABEL}={config}"}
    path = pods_path(namespace)
    first = api.call(Request(path=path, query={**selector, "limit": 1}))
    query: Query = {
        **selector,
        "watch": 1,
        "allowWatchBookmarks": "true",
        "resourceVersion": first.get("metadata", {}).get("resourceVersion", ""),
        "timeoutSeconds": WATCH_S,
    }
    for line in api.lines(Request(path=path, query=query, patience=WATCH_PATIENCE)):
        name = _changed(line)
        if name:
            yield name


def _changed(line: bytes) -> str:
    """Return the name of the pod that an event is about; empty for a bookmark."""
    try:
        event = msgspec.json.decode(line, type=shapes.Event)
        if event.type == "ERROR":
            refused = msgspec.json.decode(event.about, type=shapes.Refusal)
            raise errors.of_answer("watch", refused.code, {}, bytes(event.about))
        pod = msgspec.json.decode(event.about, type=shapes.Pod)
    except ValueError as error:
        raise ClusterUnreachable("an event of the watch is none") from error
    return "" if event.type == "BOOKMARK" else shapes.pod_seen(pod).name


def pod(api: Api, namespace: str, name: str) -> PodSeen | None:
    """Return the pod of this name."""
    try:
        return shapes.pod_seen(api.read(Request(path=pods_path(namespace, name)), shapes.Pod))
    except ClusterRefused as error:
        refuse_unless_missing(error)
        return None


def node_ready(api: Api, name: str) -> bool | None:
    """Is the node ready? ``None``: there is none of this name."""
    try:
        found = api.call(Request(path=f"/api/v1/nodes/{quote(name, safe='')}"))
    except ClusterRefused as error:
        refuse_unless_missing(error)
        return None
    return shapes.is_ready(found)


def pod_log(api: Api, namespace: str, name: str, most_bytes: int, *, previous: bool) -> str:
    """Return the end of a log; empty where there is none (yet)."""
    query: dict[str, str | int] = {"tailLines": LOG_LINES}
    if previous:
        query["previous"] = "true"
    try:
        raw = api.content(Request(path=f"{pods_path(namespace, name)}/log", query=query))
    except ClusterRefused as error:
        if error.facts.get("http_status") in (400, 404):
            return ""
        raise
    # PostgreSQL's text holds no NUL.
    return raw[-most_bytes:].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def refuse_unless_missing(error: ClusterRefused) -> None:
    """Take a 404 for an answer; raise any other refusal."""
    if error.facts.get("http_status") != 404:
        raise error
