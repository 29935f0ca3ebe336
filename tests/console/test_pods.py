"""Pods on the operators' pages: the map of slots, why a pool has its size, alarms, a drain."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents.models import Slot
from k8s4r import clock
from k8s4r.console import pool_size
from pools.core.pods import PodFailure
from pools.models import PodAction, Reach, ScalingDecision
from tests.builders import (
    a_member,
    a_pod,
    a_pod_pool,
    a_project,
    a_ready_pod,
    a_task,
    an_attempt,
)
from tests.console.conftest import browser_of
from tests.console.opening import page, queries


@pytest.fixture
def blue(db):
    """Return a pool of pods."""
    return a_pod_pool(name="blue")


def used(pod, index, *, state="running", **fields):
    slot = Slot.objects.get(agent=pod.agent, index=index)
    return an_attempt(a_task(pod.pool, **fields), pod.agent, state=state, slot=slot)


def decided(pool, at, **fields):
    numbers = {"desired": 2, "serving": 1, "ready": 1, "counted": 1, "code": "scale_out",
               "reason": "4 plans wait: 1 pod is made"}  # fmt: skip
    return ScalingDecision.objects.create(pool=pool, at=at, until=at, **{**numbers, **fields})


def grown(pool, count):
    for _ in range(count):
        used(a_ready_pod(pool), 0)
        a_pod(pool, state="failed", failure="quota")
        decided(pool, clock.now())


@pytest.mark.parametrize(
    "model", ["pools_pod_changelist", "pools_pool_changelist", "index", "pools_pool_change"]
)
def test_a_page_costs_the_same_however_many_pods_there_are(browser, pool, blue, model):
    arguments = [blue.pk] if model.endswith("_change") else []
    grown(blue, 1)
    few = queries(browser, model, *arguments)
    grown(blue, 8)
    assert queries(browser, model, *arguments) == few


@pytest.mark.parametrize("model", ["pools_pod_changelist", "pools_pool_change"])
def test_neither_logs_nor_credentials_are_read_to_list_pods(browser, blue, model):
    a_ready_pod(blue, log="long")
    with CaptureQueriesContext(connection) as asked:
        page(browser, model, *([blue.pk] if model.endswith("_change") else []))
    texts = [query["sql"] for query in asked.captured_queries]
    assert any("pools_pod" in text for text in texts)
    assert [text for text in texts if '"encrypted_credential"' in text] == []
    assert [text for text in texts if '"pools_pod"."log"' in text] == []


def test_a_pool_shows_its_slots_with_what_is_on_them_and_until_when(browser, blue):
    pod = a_ready_pod(blue, node="node-3")
    used(pod, 1, kind="plan", name="plan vpc")
    used(pod, 0, state="held", kind="plan_and_apply", name="apply net")
    text = page(browser, "pools_pool_change", blue.pk)
    assert "plan vpc" in text
    assert "apply net" in text
    assert "alice&#x27;s plan waits for approval" in text
    assert "on node-3" in text
    assert "main: 0 of 1 idle" in text
    assert "1 running, 1 kept, 1 idle" in text


@pytest.mark.parametrize("code", [PodFailure.IMAGE_PULL, PodFailure.NODE_LOST])
def test_a_failed_pod_is_shown_with_what_helps_on_its_page_and_on_the_overview(browser, blue, code):
    pod = a_pod(blue, state="failed", failure=code, log="last words")
    text = page(browser, "pools_pod_change", pod.pk)
    assert f"It does not work: {code}" in text
    assert "last words" in text
    needs = browser.get(reverse("admin:index")).context["needs"]
    (need,) = [one for one in needs if "pool blue" in one.what]
    assert need.link == reverse("admin:pools_pool_change", args=[blue.pk])


def test_a_cluster_with_an_alarm_and_one_that_is_silent_need_a_person(browser, blue):
    now = clock.now()
    reach = Reach.objects.filter(config=blue.k8s_config)
    for fields, said in (
        ({"observed_at": now}, ""),
        ({"observed_at": now - timedelta(minutes=4), "last_error": "timed out"}, "timed out"),
        ({"observed_at": now, "alarm": "5 pods are missing"}, "5 pods are missing"),
    ):
        reach.update(**fields)
        needs = browser.get(reverse("admin:index")).context["needs"]
        assert [one.why for one in needs if "cluster" in one.what] == ([said] if said else [])


def test_the_newest_decision_says_why_and_the_hour_is_a_chart_with_a_table(browser, blue):
    now = clock.now()
    decided(blue, now - timedelta(minutes=90), desired=9)
    decided(blue, now - timedelta(minutes=30), demand={"plan": {"busy": 1, "queued": 3}})
    decided(blue, now, desired=3, ready=2, code="at_max", reason="3 of 3 pods are there")
    size = pool_size.facts(blue, now=now)
    assert [(one.look.wanted, one.look.desired, one.code) for one in size["rows"]] == [
        (0, 3, "at_max"),
        (4, 2, "scale_out"),
    ]
    assert size["pods"].other == "M300.0,35.3 L600.0,35.3 L600.0,3.0 L600.0,3.0"
    assert (size["slots"].highest, size["pods"].highest) == (4, 3)
    text = page(browser, "pools_pool_change", blue.pk)
    assert "3 of 3 pods are there" in text
    assert "Pods in the last hour: now 2 ready and 3 desired; at most 3" in text


def test_an_operator_lets_a_pod_go_and_a_visitor_may_not(browser, blue):
    pod = a_ready_pod(blue)
    drain = reverse("admin:pod_drain", args=[pod.pk])
    assert "It is idle: it is deleted at once." in browser.get(drain).content.decode()
    answer = browser.post(drain, {"note": "kernel"}, follow=True)
    assert f"Now deleting: {pod.name}" in answer.content.decode()
    assert PodAction.objects.filter(pod=pod, kind="delete", state="pending").exists()
    visitor = browser_of(a_member("vera", "viewer", project=blue.project))
    assert visitor.post(drain).status_code == 403
    assert "You may look at pods." in page(visitor, "pools_pod_change", pod.pk)
    stranger = browser_of(a_member("sam", "viewer", project=a_project("elsewhere")))
    assert stranger.get(drain).status_code == 404
    assert pod.name not in page(stranger, "pools_pod_changelist")


def test_pods_that_are_gone_are_listed_only_when_asked_for(browser, blue):
    there, gone = a_ready_pod(blue), a_pod(blue, state="gone", gone_at=clock.now())
    assert gone.name not in page(browser, "pools_pod_changelist")
    text = page(browser, "pools_pod_changelist", state="all", pool=str(blue.pk))
    assert gone.name in text
    assert there.name in text
    assert there.name not in page(browser, "pools_pod_changelist", failure="quota")
