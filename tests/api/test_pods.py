"""Pods over REST: the list, one of them, what is on slots, why a pool has its size, and drains."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Slot
from executors.models import Attempt
from executors.services import scaling
from pools.core import failures
from pools.core.pods import PodFailure
from pools.models import Pod, PodAction, ScalingDecision
from tests.api.conftest import Api, token_of
from tests.builders import (
    NOON,
    a_member,
    a_pod,
    a_pod_pool,
    a_pool,
    a_project,
    a_ready_pod,
    a_task,
    an_agent,
    an_attempt,
    seconds,
)


def names(answer):
    return [row["name"] for row in answer.json()["items"]]


def a_decision(pool, *, at=NOON, **fields):
    return ScalingDecision.objects.create(
        pool=pool, at=at, until=at,
        **{"desired": 2, "serving": 1, "ready": 1, "counted": 1, "code": "scale_out",
           "reason": "r", **fields},
    )  # fmt: skip


def used(pod, index, *, state="running", **fields):
    """Put an attempt of a new task on a slot of the pod."""
    slot = Slot.objects.get(agent=pod.agent, index=index)
    return an_attempt(a_task(pod.pool, **fields), pod.agent, state=state, slot=slot)


def test_pods_are_found_by_pool_state_config_node_and_failure(api):
    pool, other = a_pod_pool(name="blue"), a_pod_pool(name="green")
    ready = a_ready_pod(pool, node="node-1")
    failed = a_pod(pool, now=NOON + seconds(1), state="failed", failure="image_pull")
    a_pod(other, now=NOON + seconds(2))
    assert names(api.get("pods?pool=blue")) == [failed.name, ready.name]
    assert names(api.get(f"pods?pool={pool.pk}&state=ready,draining")) == [ready.name]
    assert names(api.get(f"pods?config={pool.k8s_config.name}&sort=created_at")) == [
        ready.name, failed.name,
    ]  # fmt: skip
    assert names(api.get("pods?node=node-1")) == [ready.name]
    assert names(api.get("pods?failure=image_pull,quota")) == [failed.name]
    assert names(api.get(f"agent-pools/{pool.pk}/pods?fields=name")) == [failed.name, ready.name]
    assert names(api.get(f"pods?name={ready.name}")) == [ready.name]
    gone = a_pod(other, state="gone", gone_at=NOON)
    assert gone.name not in names(api.get("pods"))
    assert names(api.get("pods?state=gone")) == [gone.name]
    for asked in ("state=hungry", "failure=tired", "colour=red", "node=%00"):
        assert api.get(f"pods?{asked}").status_code == 422, asked


def test_a_list_of_pods_goes_on_where_its_page_ended(api):
    pool = a_pod_pool()
    made = [a_pod(pool, now=NOON + seconds(index)).name for index in range(5)]
    first = api.get("pods?limit=2").json()
    second = api.get(f"pods?limit=2&cursor={first['next']}").json()
    third = api.get(f"pods?limit=2&cursor={second['next']}").json()
    seen = [row["name"] for page in (first, second, third) for row in page["items"]]
    assert (seen, third["next"]) == (made[::-1], None)


def test_a_pod_says_what_is_on_its_slots_and_what_was_done_to_it(api):
    pod = a_ready_pod(a_pod_pool(), node="node-1", log="Traceback\nno token\n", failure="")
    running = used(pod, 1, kind="plan", name="plan a")
    used(pod, 0, state="held", kind="plan_and_apply", name="apply b")
    found = api.get(f"pods/{pod.pk}").json()
    main, plan, idle = found["slot_map"]
    assert (main["lane"], main["status"], main["task"]["name"]) == ("main", "reserved", "apply b")
    assert (plan["status"], plan["since"]) == ("running", "2026-11-21T12:00:00Z")
    assert plan["task"] == {
        "id": str(running.task_id), "attempt_id": str(running.pk), "name": "plan a",
        "kind": "plan", "driver": "noop", "phase": "run", "project": "default",
        "owner": "alice", "attempt": 1, "attempt_state": "running",
    }  # fmt: skip
    assert (idle["status"], idle["since"], idle["task"]) == ("idle", None, None)
    assert found["slots"] == {"total": 3, "idle": 1}
    assert [(one["kind"], one["state"]) for one in found["actions"]] == [("create", "pending")]
    assert (found["node"], found["log_end"]) == ("node-1", "Traceback\nno token\n")
    assert api.get(f"pods/{pod.pk}/log").json()["bytes"] == 19


@pytest.mark.parametrize("code", [code for code in PodFailure if code])
def test_a_failure_is_shown_by_its_code_with_what_helps(api, code):
    pod = a_pod(a_pod_pool(), state="failed", failure=code)
    [row] = api.get("pods").json()["items"]
    assert (row["failure"], row["advice"]) == (code, failures.ADVICE[code])
    Pod.objects.filter(pk=pod.pk).update(message="as Kubernetes says it")
    assert api.get(f"pods/{pod.pk}").json()["message"] == "as Kubernetes says it"


def test_the_slots_of_a_pool_are_told_pod_by_pod_with_what_they_sum_up_to(api):
    pool = a_pod_pool()
    first = a_ready_pod(pool)
    a_ready_pod(pool, now=NOON + seconds(1))
    a_pod(pool, now=NOON + seconds(2), state="gone", gone_at=NOON)
    used(first, 0)
    used(first, 1, state="held")
    found = api.get(f"agent-pools/{pool.pk}/slots").json()
    assert found["totals"] == {
        "total": 6, "idle": 4, "running": 1, "reserved": 1,
        "lanes": {
            "main": {"total": 2, "idle": 1, "running": 1, "reserved": 0},
            "plan": {"total": 4, "idle": 3, "running": 0, "reserved": 1},
        },
    }  # fmt: skip
    assert [[one["status"] for one in row["slots"]] for row in found["items"]] == [
        ["running", "reserved", "idle"],
        ["idle", "idle", "idle"],
    ]
    assert found["items"][0]["pod"]["name"] == first.name
    page = api.get(f"agent-pools/{pool.pk}/slots?limit=1").json()
    rest = api.get(f"agent-pools/{pool.pk}/slots?limit=1&cursor={page['next']}").json()
    assert (len(rest["items"]), rest["totals"]["total"], rest["next"]) == (1, 6, None)


def test_the_slots_of_a_pool_of_machines_are_told_in_the_same_words(api):
    agent = an_agent("box", slots=2)
    pool = a_pool(agent)
    an_attempt(a_task(pool), agent, state="running")
    found = api.get(f"agent-pools/{pool.pk}/slots").json()
    [row] = found["items"]
    assert (row["agent"], row["pod"]) == ("box", None)
    assert [one["status"] for one in row["slots"]] == ["running", "idle"]
    assert found["totals"]["lanes"] == {
        "general": {"total": 2, "idle": 1, "running": 1, "reserved": 0}
    }


def test_decisions_about_the_size_of_a_pool_are_listed_from_the_newest_on(api):
    pool = a_pod_pool()
    demand = {"main": {"busy": 1, "queued": 4, "held": 0}}
    for index in range(3):
        a_decision(pool, at=NOON + timedelta(minutes=index), desired=index, demand=demand)
    found = api.get(f"agent-pools/{pool.pk}/decisions").json()["items"]
    assert [row["desired"] for row in found] == [2, 1, 0]
    assert found[0]["demand"] == demand
    since = api.get(f"agent-pools/{pool.pk}/decisions?since=2026-11-21T12:01:00Z").json()["items"]
    assert [row["desired"] for row in since] == [2, 1]
    assert api.get(f"agent-pools/{pool.pk}/decisions?since=soon").status_code == 422


def test_an_idle_pod_is_deleted_at_once_and_a_busy_one_gets_no_more_work(api):
    pool = a_pod_pool()
    idle, busy = a_ready_pod(pool), a_ready_pod(pool)
    used(busy, 0)
    for pod, state in ((idle, "deleting"), (busy, "draining")):
        for _ in range(2):
            answer = api.post(f"pods/{pod.pk}/drain", {"note": "node goes"})
            assert (answer.status_code, answer.json()["state"]) == (202, state)
            assert answer.json()["agent_desired"] == "draining"
    asked = PodAction.objects.filter(kind="delete", state="pending").values_list("pod", flat=True)
    assert list(asked) == [idle.pk]
    assert Agent.objects.get(pk=idle.agent_id).desired_note == "node goes"
    Attempt.objects.filter(agent=busy.agent).update(state="succeeded", ended_at=NOON)
    scaling.look(pool.pk, now=NOON, aging_weight_s=60)
    busy.refresh_from_db()
    assert busy.state == "deleting"
    assert list(asked.order_by("id")) == [idle.pk, busy.pk]


def test_a_failed_pod_is_deleted_and_one_that_is_gone_cannot_be_let_go(api):
    pool = a_pod_pool()
    failed = a_pod(pool, state="failed", failure="quota")
    # As its work was settled.
    Agent.objects.filter(pk=failed.agent_id).update(desired="revoked", archived_at=NOON)
    gone = a_pod(pool, state="gone", gone_at=NOON)
    assert api.post(f"pods/{failed.pk}/drain").json()["state"] == "deleting"
    refused = api.post(f"pods/{gone.pk}/drain")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_transition")


def test_what_runs_in_a_shared_pool_is_told_to_who_reads_tasks_there(api):
    mine, theirs = a_project("mine"), a_project("theirs")
    pool = a_pod_pool(project=theirs, shared_with=[str(mine.pk)])
    pod = a_ready_pod(pool)
    used(pod, 0, project=theirs, name="secret")
    used(pod, 1, project=mine, name="own")
    guest = Api(token_of(a_member("gina", "viewer", "fleet_admin", project=mine)))
    seen = [
        one["task"] and one["task"]["name"]
        for one in guest.get(f"pods/{pod.pk}").json()["slot_map"]
    ]
    assert seen == [None, "own", None]
    assert "secret" not in guest.get(f"agent-pools/{pool.pk}/slots").content.decode()
    assert guest.post(f"pods/{pod.pk}/drain").status_code == 403
    a_project("elsewhere")
    stranger = Api(token_of(a_member("sam", "fleet_admin", project=a_project("elsewhere"))))
    assert names(stranger.get("pods")) == []
    assert stranger.get(f"pods/{pod.pk}").status_code == 404


def test_twenty_pods_take_as_many_queries_as_two(api):
    pool = a_pod_pool()
    paths = ["pods", f"agent-pools/{pool.pk}/pods", f"agent-pools/{pool.pk}/slots"]

    def counted():
        # The first call looks up what is remembered of the token for some seconds.
        api.get("pods")
        counts = []
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert api.get(path).status_code == 200
            counts.append(len(queries))
        return counts

    for _ in range(2):
        used(a_ready_pod(pool), 0)
    few = counted()
    for _ in range(18):
        used(a_ready_pod(pool), 0)
    assert counted() == few
