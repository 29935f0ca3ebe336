"""What operators count is what there is, under the names that the document promises."""

import asyncio
from datetime import datetime
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.models import Agent
from agents.wire.messages import Started
from executors.core.leases import LeasePolicy
from executors.gateway import application
from executors.gateway.catalogue import METRICS
from executors.models import Requirement, Task
from executors.operating.models import Outcome
from executors.operating.services import tallying
from executors.services import pulses
from k8s4r import clock
from pools.models import Pool, Reach, ScalingDecision
from tests.architecture import documents
from tests.builders import (
    a_pod,
    a_pod_pool,
    a_pool,
    a_ready_pod,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    session_of,
)
from tests.serving import AgentSide, Served, an_agents_token
from tests.waiting import wait_until

Labels = tuple[tuple[str, str], ...]
Scrape = dict[tuple[str, Labels], float]


@pytest.fixture
def moment(transactional_db: None) -> datetime:
    return clock.now()


def scraped(serving: Served) -> Scrape:
    with serving.client() as client:
        text = client.get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(scrape: Scrape, name: str, **labels: str) -> float:
    return scrape[name, tuple(sorted(labels.items()))]


def pods(moment: datetime) -> Pool:
    """Make a pool of pods of which each number says something."""
    pool = a_pod_pool(name="pods", max_pods=9)
    busy = a_ready_pod(pool, now=moment)
    task = a_task(pool, now=moment, run_after=moment + seconds(86_400))
    an_attempt(task, busy.agent, state="held", now=moment)
    a_pod(pool, now=moment - seconds(60), state="failed", failure="quota")
    a_pod(pool, now=moment, state="gone", gone_at=moment)
    ScalingDecision.objects.create(
        pool=pool, at=moment, until=moment, times=3, desired=4, serving=1, ready=1, counted=2,
        code="at_max", reason="",
    )  # fmt: skip
    Reach.objects.filter(config=pool.k8s_config).update(
        observed_at=moment - seconds(40), failures=2, alarm="missing"
    )
    return pool


def of_everything(serving: Served, moment: datetime) -> Scrape:
    """Return a scrape of a fleet in which everything that is counted has happened."""
    pool = a_pool(an_agent(now=moment), name="full")
    a_task(pool, now=moment, run_after=moment + seconds(86_400))
    a_task(pool, now=moment, state="failed", ended_at=moment, reason="exit_code")
    pods(moment)
    for source in ("backup", "audit_seal"):
        pulses.beat(source, now=moment, policy=LeasePolicy())
    wait_until(lambda: any(name == "k8s4r_job_age_seconds" for name, _ in scraped(serving)))
    return scraped(serving)


def test_the_document_and_the_endpoint_name_the_same_metrics(
    gateway: Served, moment: datetime
) -> None:
    scrape = of_everything(gateway, moment)
    suffixes = {"_bucket", "_sum", "_count"}
    histograms = {name for name, metric in METRICS.items() if metric.kind == "histogram"}
    seen: dict[str, set[str]] = {}
    for name, labels in scrape:
        whole = next((one for one in histograms if name.removeprefix(one) in suffixes), name)
        seen[whole] = {label for label, _ in labels} - ({"le"} if whole != name else set())
    promised = documents.promised_metrics()
    assert seen == {name: set(labels) for name, (_, labels) in promised.items()}


def test_tasks_are_counted_by_pool_state_and_reason(gateway: Served, moment: datetime) -> None:
    pool = a_pool(an_agent(now=moment), name="night", paused=True)
    a_tasks(pool, 3, now=moment, run_after=moment + seconds(86_400))
    old = a_task(pool, now=moment - seconds(600))
    Requirement.objects.filter(pk=old.requirement_id).update(waiting_code="paused")
    place = {"project": "default", "pool": "night"}
    scrape = scraped(gateway)
    assert value(scrape, "k8s4r_tasks", **place, state="pending") == 4
    assert value(scrape, "k8s4r_tasks", **place, state="running") == 0
    assert value(scrape, "k8s4r_tasks_waiting", **place, reason="retry_backoff") == 3
    assert value(scrape, "k8s4r_tasks_waiting", **place, reason="paused") == 1
    assert 600 <= value(scrape, "k8s4r_queue_oldest_seconds", **place) < 900
    assert 600 <= value(scrape, "k8s4r_waiting_oldest_seconds", reason="paused") < 900


def test_slots_are_counted_for_each_pool_that_has_them(gateway: Served, moment: datetime) -> None:
    shared = an_agent(slots=3, now=moment, labels={"gpu": "a100"})
    away = an_agent(slots=5, now=moment, observed="offline")
    listed = a_pool(shared, away, name="listed")
    a_pool(name="gpu", required_labels={"gpu": "a100"})
    task = a_task(listed, now=moment, run_after=moment + seconds(86_400))
    an_attempt(task, shared, state="running", now=moment)
    scrape = scraped(gateway)
    for pool in ("listed", "gpu"):
        place = {"project": "default", "pool": pool}
        assert value(scrape, "k8s4r_pool_slots", **place) == 3
        assert value(scrape, "k8s4r_pool_slots_used", **place) == 1
    assert value(scrape, "k8s4r_slots") == 3
    assert value(scrape, "k8s4r_slots_used") == 1
    assert value(scrape, "k8s4r_agents", desired="active", observed="offline") == 1


def test_pods_are_counted_with_their_slots_sizes_actions_and_clusters(
    gateway: Served, moment: datetime
) -> None:
    pool = pods(moment)
    place = {"project": "default", "pool": "pods"}
    cluster = {"project": "default", "config": str(pool.k8s_config)}
    scrape = scraped(gateway)

    def read(name: str, **labels: str) -> float:
        return value(scrape, f"k8s4r_{name}", **labels)

    assert read("pods", **place, state="ready") == 1
    assert read("pods", **place, state="failed") == 1
    assert ("k8s4r_pods", (*sorted(place.items()), ("state", "gone"))) not in scrape
    assert read("pods_failing", **place, failure="quota") == 1
    assert read("pod_slots", **place, lane="main", status="reserved") == 1
    assert read("pod_slots", **place, lane="plan", status="idle") == 2
    assert read("pod_slots", **place, lane="plan", status="away") == 2
    assert (read("pool_slots", **place), read("pool_slots_used", **place)) == (3, 1)
    assert read("pool_pods_desired", **place) == 4
    assert (read("pool_pods_ready", **place), read("pool_pods_max", **place)) == (1, 9)
    assert read("scaling_decisions", **place, code="at_max") == 3
    assert read("pod_actions_pending", kind="create") == 3
    assert 60 <= read("pod_action_oldest_seconds") < 360
    assert 40 <= read("cluster_seen_age_seconds", **cluster) < 340
    assert (read("cluster_failures", **cluster), read("cluster_alarm", **cluster)) == (2, 1)


def outcomes(serving: Served) -> tuple[float, float]:
    """Return how many tasks failed, and how many of them by a signal."""
    scrape = scraped(serving)
    by_signal = ("k8s4r_task_failures_total", (("outcome", "failed"), ("reason", "signal")))
    return value(scrape, "k8s4r_tasks_ended_total", outcome="failed"), scrape.get(by_signal, 0.0)


def test_outcomes_keep_their_count_when_their_tasks_are_gone(
    gateway: Served, moment: datetime
) -> None:
    pool = a_pool()
    a_tasks(pool, 2, now=moment, state="failed", ended_at=moment, reason="signal")
    a_task(pool, now=moment, state="failed", ended_at=moment, reason="made up by an agent")
    assert outcomes(gateway) == (3, 2)
    tallying.tally(now=moment + seconds(61))
    assert outcomes(gateway) == (3, 2), "what is in the totals is not counted once more"
    Task.objects.all().delete()
    assert outcomes(gateway) == (3, 2)
    assert set(Outcome.objects.values_list("reason", flat=True)) == {"signal", "other"}


def test_a_task_that_ended_just_now_is_left_for_the_next_count(moment: datetime) -> None:
    a_task(a_pool(), now=moment, state="completed", ended_at=moment)
    assert tallying.tally(now=moment + seconds(59)) == 0
    assert tallying.tally(now=moment + seconds(60)) == 1
    assert tallying.tally(now=moment + seconds(120)) == 0
    assert Outcome.objects.get().tasks == 1


def test_a_process_counts_its_passes_reports_and_refusals(
    gateway: Served, moment: datetime
) -> None:
    agent: Agent = an_agent(now=moment, capabilities={"drivers": ["noop"]})
    pool = a_pool(agent)
    an_item = Started(attempt=agent.pk, token="att", seq=1, at=1.0)
    before = scraped(gateway)
    with gateway.client(an_agents_token(agent)) as client:
        AgentSide(client, agent.pk, session_id=session_of(agent).pk).report(an_item, an_item)
    with gateway.client("agt_nobody") as client:
        assert client.post(f"/api/v1/agents/{agent.pk}/heartbeat", json={}).status_code >= 400
        assert client.get("/api/v1/tasks").status_code == 401
    gateway.inside(lambda: gateway.gateway.passes.nudge([pool.pk]))
    wait_until(lambda: value(scraped(gateway), "k8s4r_dispatch_pass_seconds_count") >= 1)
    after = scraped(gateway)
    reports = "k8s4r_reports_total"
    assert value(after, reports) == value(before, reports) + 2
    refused, what = "k8s4r_credentials_refused_total", {"what": "bad_token"}
    assert value(after, refused, **what) == value(before, refused, **what) + 2
    buckets = [after[key] for key in after if key[0] == "k8s4r_dispatch_pass_seconds_bucket"]
    assert max(buckets) == value(after, "k8s4r_dispatch_pass_seconds_count")


async def status_for(serving: Served, peer: str, **headers: str) -> int:
    """Return how a caller from that address is answered."""
    application_of_test = application.build(serving.gateway, behind=nowhere)
    transport = httpx2.ASGITransport(app=application_of_test, client=(peer, 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://k8s4r") as client:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return (await client.get("/metrics", headers=named)).status_code


async def nowhere(scope: object, receive: object, send: object) -> None:
    """Stand behind the gateway."""


def statuses(serving: Served, *callers: tuple[str, dict[str, str]]) -> list[int]:
    async def ask() -> list[int]:
        return [await status_for(serving, peer, **headers) for peer, headers in callers]

    return asyncio.run_coroutine_threadsafe(ask(), serving.loop).result(30)


def test_without_a_token_only_this_machine_may_scrape(gateway: Served) -> None:
    callers: list[tuple[str, dict[str, str]]] = [
        ("127.0.0.1", {}),
        ("::1", {}),
        ("10.1.2.3", {}),
        ("not an address", {}),
        ("127.0.0.1", {"X_Forwarded_For": "10.1.2.3"}),
    ]
    assert statuses(gateway, *callers) == [200, 200, 401, 401, 401]


def test_with_a_token_everybody_needs_it(gateway: Served, settings: Any) -> None:
    settings.METRICS_TOKEN = "scrape-me"
    callers: list[tuple[str, dict[str, str]]] = [
        ("127.0.0.1", {}),
        ("10.1.2.3", {"Authorization": "Bearer scrape-it"}),
        ("10.1.2.3", {"Authorization": "Bearer scrape-me"}),
    ]
    assert statuses(gateway, *callers) == [401, 401, 200]
