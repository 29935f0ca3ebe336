"""A pool of pods with something of everything on it: states, failures, slots, an hour of sizes."""

from datetime import datetime, timedelta

from agents.models import Agent, Session, Slot
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Attempt, Task
from k8s4r.access.models import User
from pools.models import Pod, PodAction, Pool, Reach, ScalingDecision
from tests.builders import (
    a_k8s_config,
    a_pod,
    a_pod_pool,
    a_project,
    a_ready_pod,
    a_task,
    an_attempt,
)

LOG = "k8s4r-agent 0.1.0\nTraceback (most recent call last):\n  ConnectionError: api.example\n" * 4
_EVICTED = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi."


# Looks at the pool find nothing to let go while tests look at its pages.
_KEPT = {"cooldown_s": 86_400, "keep_failed_s": 86_400, "max_surge": 0}


def made(now: datetime, *, heard: datetime) -> tuple[Pool, Pod]:
    """Make a pool and return it with a pod that works; ``heard`` is when its agents were."""
    project = a_project("web")
    config = a_k8s_config("eu-west", project=project)
    Reach.objects.filter(config=config).update(
        observed_at=now, alarmed_at=now,
        alarm="5 of 12 pods were missing at once: nothing is given up before a second look agrees",
    )  # fmt: skip
    pool = a_pod_pool(name="terraform", project=project, k8s_config=config, max_pods=8, **_KEPT)
    busy = _ready(pool, now - timedelta(minutes=52), node="node-3.eu-west.example", shielded=True)
    _runs(busy, 0, "apply network", AttemptState.HELD, now - timedelta(minutes=25))
    _runs(busy, 1, "plan vpc", AttemptState.RUNNING, now - timedelta(minutes=3))
    _runs(busy, 2, "plan a-module-with-a-rather-long-name-that-somebody-generated-0042",
          AttemptState.RUNNING, now - timedelta(seconds=40))  # fmt: skip
    _ready(pool, now - timedelta(minutes=12), node="node-4.eu-west.example", idle_since=now)
    young = now - timedelta(minutes=2)
    a_pod(pool, now=now, state="starting", uid="7f0c1f3e-5f35-4e5b-a5ce-0a6f3a6e2b11")
    a_pod(pool, now=young, state="unknown", node="node-9.eu-west.example")
    evicted = a_pod(pool, now=young, state="failed", failure="evicted", message=_EVICTED, log=LOG)
    PodAction.objects.filter(pod=evicted).update(state="done", tries=2, done_at=now)
    PodAction.objects.create(pod=evicted, kind="delete", tries=1, not_before=now, created_at=now,
                             error="the cluster does not answer")  # fmt: skip
    a_pod(pool, now=young, state="failed", failure="image_pull", message="ImagePullBackOff")
    a_pod(pool, now=young, state="gone", gone_at=now)
    _hour(pool, now)
    Session.objects.filter(agent__in=Pod.objects.values("agent")).update(last_heartbeat_at=heard)
    return pool, busy


def _ready(pool: Pool, now: datetime, **fields: object) -> Pod:
    return a_ready_pod(pool, now=now, **fields)


def _runs(pod: Pod, index: int, name: str, state: AttemptState, since: datetime) -> None:
    kind = "plan" if index else "plan_and_apply"
    owner = User.objects.get(username="alice")
    task = a_task(pod.pool, now=since, name=name, kind=kind, owner=owner, state="running")
    slot = Slot.objects.get(agent=pod.agent, index=index)
    attempt = an_attempt(
        task, Agent.objects.get(pk=pod.agent_id), state=state, slot=slot, now=since
    )
    if state is AttemptState.HELD:
        Task.objects.filter(pk=attempt.task_id).update(state=TaskState.APPLY_PENDING)
        Attempt.objects.filter(pk=attempt.pk).update(changed_at=since)


def _hour(pool: Pool, now: datetime) -> None:
    """Let it grow with what came, and shrink again."""
    steps = [
        (70, 0, 0, 0, 0, "steady", "0 of 0 pods serve: nothing to do"),
        (48, 0, 4, 2, 0, "scale_out", "4 plans wait: 2 pods are made"),
        (45, 3, 9, 4, 2, "scale_out", "9 plans wait: 2 pods are made"),
        (38, 10, 2, 5, 4, "scale_out", "2 plans wait: 1 pod is made"),
        (20, 6, 0, 2, 5, "cooling_down", "3 pods are idle for less than 5 min"),
        (9, 3, 0, 2, 2, "scale_in", "3 pods were idle for 5 min: they are let go"),
        (2, 3, 6, 4, 2, "pod_failing", "6 plans wait for 2 pods more; the last one failed:"
         " image_pull. The next is tried in 1 min"),
    ]  # fmt: skip
    for ago, busy, queued, desired, ready, code, reason in steps:
        at = now - timedelta(minutes=ago)
        ScalingDecision.objects.create(
            pool=pool, at=at, until=at, desired=desired, serving=ready, ready=ready,
            counted=ready, code=code, reason=reason,
            demand={"plan": {"busy": busy, "queued": queued, "held": 1 if busy else 0}},
        )  # fmt: skip
