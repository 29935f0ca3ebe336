"""The fault proxy: each way to break a request is seen by a client, and the apiserver is well."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cluster.clusters import Cluster
from tests.cluster.control_plane import ADMIN
from tests.cluster.namespaces import Namespace
from tests.cluster.proxy import Break, Proxy, Rule, proxied

PATIENCE_S = 1.0


@pytest.fixture
def proxy(cluster: Cluster, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(cluster, tmp_path) as started:
        yield started


@pytest.fixture
def client(cluster: Cluster, proxy: Proxy) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=proxy.server,
        verify=ssl.create_default_context(cafile=str(cluster.ca)),
        headers={"Authorization": f"Bearer {cluster.tokens[ADMIN]}"},
        timeout=PATIENCE_S,
        trust_env=False,
    ) as made:
        yield made


def a_map(name: str) -> dict[str, object]:
    return {"metadata": {"name": name}}


def test_what_no_rule_matches_is_passed_on(
    proxy: Proxy, client: httpx2.Client, namespace: Namespace
):
    proxy.rules.append(Rule("DELETE", "/pods", Break.STATUS))
    maps = f"{namespace.path}/configmaps"
    assert client.post(maps, json=a_map("one")).status_code == 201
    assert client.get(f"{maps}/one").json()["metadata"]["name"] == "one"
    assert proxy.seen == [f"POST {maps}", f"GET {maps}/one"]


def test_a_status_is_answered_so_many_times(proxy: Proxy, client: httpx2.Client):
    proxy.rules.append(Rule("GET", "/version", Break.STATUS, status=429, retry_after_s=7, times=1))
    refused = client.get("/version")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert refused.json()["reason"] == "TooManyRequests"
    assert client.get("/version").is_success
    proxy.rules.append(Rule("GET", "/version", Break.STATUS, status=200, body={"major": "0"}))
    assert client.get("/version").json() == {"major": "0"}


def test_a_lost_reply_leaves_what_was_asked_done(
    proxy: Proxy, client: httpx2.Client, namespace: Namespace
):
    maps = f"{namespace.path}/configmaps"
    proxy.rules.append(Rule("POST", "/configmaps$", Break.LOSE_REPLY, times=1))
    with pytest.raises(httpx2.TransportError):
        client.post(maps, json=a_map("lost"))
    assert namespace.admin.get(f"{maps}/lost")
    assert client.post(maps, json=a_map("lost")).status_code == 409


def test_a_list_is_empty_for_whoever_asks_through_it(
    proxy: Proxy, client: httpx2.Client, namespace: Namespace
):
    proxy.rules.append(Rule("GET", r"/serviceaccounts", Break.EMPTY_LIST))
    found = client.get(f"{namespace.path}/serviceaccounts").json()
    assert (
        found["items"],
        namespace.admin.get(f"{namespace.path}/serviceaccounts")["items"] != [],
    ) == (
        [],
        True,
    )


def test_a_black_hole_answers_nothing_and_a_delay_answers_late(proxy: Proxy, client: httpx2.Client):
    proxy.rules.append(Rule("", "/version", Break.BLACKHOLE, times=1))
    with pytest.raises(httpx2.ReadTimeout):
        client.get("/version")
    proxy.rules.append(Rule("", "/version", Break.DELAY, delay_s=PATIENCE_S / 2))
    assert client.get("/version").elapsed.total_seconds() >= PATIENCE_S / 2


def test_an_answer_is_cut_or_stalls_after_so_many_bytes(proxy: Proxy, client: httpx2.Client):
    proxy.rules.append(Rule("GET", "/api/v1$", Break.CUT, cut_after_bytes=1000))
    with pytest.raises(httpx2.TransportError):
        client.get("/api/v1")
    proxy.rules[:] = [Rule("GET", "/api/v1$", Break.STALL, cut_after_bytes=1000)]
    with pytest.raises(httpx2.ReadTimeout):
        client.get("/api/v1")


def test_a_watch_goes_through_and_is_cut_when_connections_are(
    proxy: Proxy, client: httpx2.Client, namespace: Namespace
):
    maps = f"{namespace.path}/configmaps"
    with client.stream("GET", maps, params={"watch": "1"}, timeout=30) as watch:
        lines = watch.iter_lines()
        namespace.admin.post(maps, a_map("seen"))
        assert any('"seen"' in line for line in lines)
        proxy.cut_all()
        with pytest.raises(httpx2.TransportError):
            list(lines)


def test_the_proxy_adds_nothing_to_who_may_do_what(
    proxy: Proxy, client: httpx2.Client, namespace: Namespace
):
    client.headers["Authorization"] = f"Bearer {namespace.account_token('k8s4r-agent')}"
    assert client.get(f"{namespace.path}/pods").status_code == 403
