"""Pods on the command line: lists, slots, decisions, one of them, its log, and letting it go."""

import json
import signal

import pytest
from django.db import transaction

from agents.models import Slot
from k8s4r import clock
from pools.core.pods import PodEvent
from pools.models import Pod, ScalingDecision
from pools.services import pods as writer
from tests.builders import (
    a_k8s_config,
    a_pod,
    a_pod_pool,
    a_ready_pod,
    a_task,
    an_agent,
    an_attempt,
)
from tests.waiting import wait_until


@pytest.fixture
def blue(cli):
    """Return a pool with a pod that works, one that failed and one that is gone."""
    now = clock.now()
    # Looks at it find nothing to make or to let go.
    pool = a_pod_pool(name="blue", paused=True, keep_failed_s=86_400)
    ready = a_ready_pod(pool, now=now, name="k8s4r-blue-1", node="node-7")
    slot = Slot.objects.get(agent=ready.agent, index=0)
    an_attempt(a_task(pool, name="plan vpc"), ready.agent, state="running", slot=slot, now=now)
    failed = {"state": "failed", "failure": "image_pull", "message": "no such image",
              "log": "Traceback\nno image\n"}  # fmt: skip
    a_pod(pool, now=now, name="k8s4r-blue-2", **failed)
    a_pod(pool, now=now, name="k8s4r-blue-3", state="gone", gone_at=now)
    ScalingDecision.objects.create(
        pool=pool, at=now, until=now, desired=2, serving=1, ready=1, counted=2, code="at_most",
        reason="2 of 2 pods are there", demand={"plan": {"busy": 1, "queued": 4, "held": 0}},
    )  # fmt: skip
    return pool


def moved(name, event):
    with transaction.atomic():
        writer.move([Pod.objects.get(name=name).pk], event, now=clock.now())


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_a_pool_of_pods_is_one_command_and_grows_when_a_task_comes(cli):
    a_k8s_config("farm", is_default=True)
    made = cli("create", "pool", "plans", "--k8s", "--min", "0", "--max", "50")
    assert made.code == 0, made.err
    assert cli("run", "--detach", "--pool", "plans", "--", "true").code == 0
    wait_until(lambda: "scale_out" in cli("get", "decisions", "--pool", "plans").out)
    (pod,) = rows(cli("get", "pods", "--pool", "plans", "--no-headers").out)
    assert pod[1:4] == ["creating", "-", "0/3"]
    described = cli("describe", "pool", "plans").out
    assert "the agents in its pods" in described
    assert "0 to 50, three slots each" in described
    assert "0 ready, 1 wanted" in described


def test_pods_slots_and_decisions_are_listed(cli, blue):
    listed = rows(cli("get", "po", "--pool", "blue", "--sort-by", "name").out)
    assert listed[0] == ["NAME", "STATE", "WHY", "SLOTS", "NODE", "AGE"]
    assert [line[:4] for line in listed[1:]] == [
        ["k8s4r-blue-1", "ready", "-", "1/3"],
        ["k8s4r-blue-2", "failed", "image_pull", "0/3"],
    ]
    assert "k8s4r-blue-3" in cli("get", "pods", "--state", "gone", "-o", "wide").out
    said = cli("get", "slots", "--pool", "blue")
    (busy,) = [line for line in said.out.splitlines() if line.startswith("k8s4r-blue-1  ready ")]
    assert "plan vpc" in busy
    assert busy.count("idle") == 2
    (failed,) = [line for line in said.out.splitlines() if " failed " in line]
    assert (failed.count("not ready"), "idle" in failed) == (3, False)
    assert said.err == ("6 slots: 1 running, 0 held, 2 idle; main 0 of 2 idle, plan 2 of 4 idle\n")
    decided = rows(cli("get", "decisions", "--pool", "blue", "--since", "1h").out)
    assert ["at_most", "1/4/0", "2", "1", "0", "0"] in [line[-6:] for line in decided]
    refused = cli("get", "slots")
    assert (refused.code, "--pool NAME" in refused.err) == (2, True)
    found = json.loads(cli("get", "pod", "k8s4r-blue-1", "-o", "json").out)
    assert found["slot_map"][0]["task"]["name"] == "plan vpc"


def test_a_pod_is_described_with_what_helps_and_its_log_is_printed(cli, gateway, blue):
    said = cli("describe", "pod", "k8s4r-blue-2").out
    assert "image_pull: no such image" in said
    assert "pod template" in said
    assert "k8s4r logs pod/k8s4r-blue-2" in said
    assert cli("logs", "pod/k8s4r-blue-2").out == "Traceback\nno image\n"
    nothing = cli("logs", "po/k8s4r-blue-3")
    assert (nothing.out, "nothing was kept" in nothing.err) == ("", True)
    page = cli("get", "pod", "k8s4r-blue-2", "--web").out
    assert page.startswith(f"{gateway.url}/admin/pools/pod/")
    pool = cli("describe", "pool", "blue").out
    assert "Size" in pool
    assert "6 slots: 1 running" in pool
    assert "image_pull" in pool
    assert "Check the image's name" in pool


def test_what_became_of_a_pod_is_read_when_it_is_gone_too(cli, blue):
    moved("k8s4r-blue-1", PodEvent.DRAIN)
    said = cli("history", "pod/k8s4r-blue-1")
    assert said.code == 0, said.err
    assert "moved it ready -> draining" in said.out
    assert "made the pod" in cli("history", "po/k8s4r-blue-3").out


def test_a_busy_pod_is_waited_for_until_its_last_slot_is_free(cli, blue):
    waiting = cli.start("drain", "pod/k8s4r-blue-1", "--note", "kernel", "--wait")
    assert waiting.stdout.readline() == "pod/k8s4r-blue-1 draining\n"
    assert waiting.stderr.readline() == "1 slot of k8s4r-blue-1 in use\n"
    moved("k8s4r-blue-1", PodEvent.DELETE)
    assert waiting.communicate(timeout=60)[0] == "pod/k8s4r-blue-1 safe\n"
    assert waiting.returncode == 0
    late = cli("drain", "pod/k8s4r-blue-3")
    assert (late.code, "is gone" in late.err) == (5, True)


def test_who_is_refused_keeps_no_other_from_being_drained(cli, blue):
    an_agent("web-1")
    said = cli("drain", "nobody", "pod/k8s4r-blue-3", "web-1", "pod/k8s4r-blue-1", "--wait")
    assert said.out == "agent/web-1 draining, online\npod/k8s4r-blue-1 draining\n"
    assert "no agent has the name or id 'nobody'" in said.err
    assert "k8s4r-blue-3 is gone" in said.err
    assert said.code == 5


def test_machines_and_pods_are_waited_for_together_and_have_one_time_limit(cli, blue, pool):
    an_attempt(a_task(pool), an_agent("web-1"), state="running", now=clock.now())
    an_agent("web-2")
    names = ("web-1", "pod/k8s4r-blue-1", "web-2")
    said = cli("drain", *names, "--wait", "--timeout", "1")
    assert said.code == 6
    assert said.out.endswith("agent/web-2 safe\n")
    assert "1 slot of k8s4r-blue-1 in use" in said.err
    assert "the time is up: web-1, k8s4r-blue-1 still at work" in said.err


@pytest.mark.parametrize(
    ("names", "goes_on"),
    [
        (
            ["web-1", "pod/k8s4r-blue-1"],
            "they still drain. k8s4r resume ends that of agents; pods go once they are idle",
        ),
        (["pod/k8s4r-blue-1"], "they still go once they are idle"),
    ],
)
def test_who_stops_waiting_reads_what_goes_on(cli, blue, pool, names, goes_on):
    an_attempt(a_task(pool), an_agent("web-1"), state="running", now=clock.now())
    waiting = cli.start("drain", *names, "--wait")
    assert "in use" in (first := waiting.stderr.readline()) or "left on" in first
    waiting.send_signal(signal.SIGINT)
    assert waiting.communicate(timeout=60)[1].endswith(f"stopped waiting; {goes_on}\n")
    assert waiting.returncode == 130


def test_changes_of_pods_are_watched(cli, blue):
    watching = cli.start("get", "pods", "--pool", "blue", "--watch", "-o", "jsonl")
    assert {json.loads(watching.stdout.readline())["name"] for _ in range(2)} == {
        "k8s4r-blue-1", "k8s4r-blue-2",
    }  # fmt: skip
    moved("k8s4r-blue-1", PodEvent.DRAIN)
    assert json.loads(watching.stdout.readline())["state"] == "draining"
