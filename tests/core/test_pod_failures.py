"""What is wrong with a pod is said at once, and held against it only after a while."""

from datetime import timedelta

import pytest

from pools.core.failures import ADVICE, Patience, has_ended, trouble_of
from pools.core.pods import PodFailure
from pools.core.ports import ContainerSeen, PodSeen

PATIENCE = Patience()
YOUNG, OLD = timedelta(seconds=5), timedelta(hours=1)


def seen(phase: str = "Pending", **facts: object) -> PodSeen:
    return PodSeen(name="p", uid="u", phase=phase, **facts)


def waiting(reason: str, **facts: object) -> PodSeen:
    return seen(container=ContainerSeen(waiting=reason, **facts))


def said(pod: PodSeen, age: timedelta, *, connected: bool = False) -> tuple[str, bool]:
    trouble = trouble_of(pod, age=age, has_connected=connected, patience=PATIENCE)
    return (str(trouble.code), trouble.is_final) if trouble else ("", False)


@pytest.mark.parametrize(
    ("pod", "code", "final_when_young", "final_when_old"),
    [
        (waiting("ErrImagePull"), "image_pull", False, True),
        (waiting("ImagePullBackOff"), "image_pull", False, True),
        (waiting("InvalidImageName"), "image_pull", True, True),
        (waiting("CreateContainerConfigError"), "crash_loop", False, True),
        (waiting("CrashLoopBackOff", restarts=1), "crash_loop", False, False),
        (waiting("CrashLoopBackOff", restarts=3), "crash_loop", True, True),
        (
            waiting("CrashLoopBackOff", restarts=3, last_terminated="OOMKilled"),
            "oom_killed",
            True,
            True,
        ),
        (seen(unschedulable="0/3 nodes are available"), "unschedulable", False, True),
        (seen("Failed", reason="Evicted", message="low on memory"), "evicted", True, True),
        (seen("Failed", reason="NodeLost"), "node_lost", True, True),
        (
            seen("Failed", container=ContainerSeen(terminated="OOMKilled", exit_code=137)),
            "oom_killed",
            True,
            True,
        ),
        (
            seen("Failed", container=ContainerSeen(terminated="Error", exit_code=1)),
            "crash_loop",
            True,
            True,
        ),
        (seen("Running", deleting=True), "evicted", False, False),
    ],
)
def test_each_sign_has_its_code(pod, code, final_when_young, final_when_old):
    assert said(pod, YOUNG, connected=True) == (code, final_when_young)
    assert said(pod, OLD, connected=True) == (code, final_when_old)


def test_a_pod_that_runs_has_some_time_to_say_hello():
    pod = seen("Running", container=ContainerSeen(running=True))
    assert said(pod, YOUNG) == ("", False)
    assert said(pod, OLD) == ("agent_never_connected", True)
    assert said(pod, OLD, connected=True) == ("", False)


def test_a_pod_whose_container_is_being_made_is_well_however_long_it_takes():
    assert said(waiting("ContainerCreating"), OLD) == ("", False)


def test_a_pod_that_ended_well_is_over_without_a_reason():
    pod = seen("Succeeded")
    assert has_ended(pod)
    assert said(pod, OLD) == ("", False)


def test_every_code_comes_with_advice():
    assert set(ADVICE) == set(PodFailure) - {PodFailure.NONE}
