"""A gateway runs the passes that it is nudged to, and looks at pods after those that want some."""

import asyncio
from pathlib import Path

import pytest

from executors.gateway.passes import Passes
from k8s4r import failpoints
from pools.models import Pod, Pool
from tests.builders import a_pod_pool, a_ready_pod, a_task, state_of

pytestmark = pytest.mark.django_db(transaction=True)


async def _nudged(*pools: Pool, turns: int) -> Passes:
    """Return the passes of these pools once they have come to rest after so many turns."""
    passes = Passes()
    passes.nudge([pool.pk for pool in pools])
    async with asyncio.timeout(60):
        while passes.runner.tally.items < turns:
            await asyncio.sleep(0.01)
    # Closing waits for the thread.
    await passes.runner.close()
    return passes


def nudged(*pools: Pool, turns: int) -> Passes:
    return asyncio.run(_nudged(*pools, turns=turns))


def test_a_pass_that_leaves_something_for_pods_is_followed_by_a_look_that_makes_them() -> None:
    pool = a_pod_pool()
    a_task(pool)
    nudged(pool, turns=2)
    assert Pod.objects.filter(pool=pool, state="creating").count() == 1


def test_a_look_that_breaks_is_no_failed_pass_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(failpoints, "_ARMED", tmp_path)
    (tmp_path / "scaling.before_commit").write_text("raise")
    broken, other = a_pod_pool(), a_pod_pool()
    a_task(broken)
    a_ready_pod(other)
    task = a_task(other)

    passes = nudged(broken, other, turns=3)

    said = [one.getMessage() for one in caplog.records if one.name == "executors.gateway.passes"]
    assert said == ["scaling_failed"]
    assert state_of(task) == "dispatching"
    assert dict(passes.durations.buckets())["+Inf"] == 2
