"""What people say to an agent reaches the program on its machine, and what it says reaches them.

The whole platform and the real agent: settings, "not now", and tokens that rotate in its absence.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import fleet
from tests.faults import operations
from tests.fleet import Platform
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with fleet.platform(**operations.QUICK) as running:
        yield running


def the_agent(platform: Platform) -> dict[str, Any]:
    (agent,) = platform.get("/api/v1/agents")["items"]
    found: dict[str, Any] = platform.get(f"/api/v1/agents/{agent['id']}")
    return found


def finishes(platform: Platform) -> bool:
    """Does a task run to its end?"""
    (identity,) = operations.submit(platform, [{"driver": "noop"}])
    return bool(operations.ended(platform, identity)["state"] == "completed")


def heartbeat(platform: Platform, agent: dict[str, Any], token: str) -> int:
    """Say that the agent lives, by a token; return the status of the answer."""
    answer = httpx2.post(
        f"{platform.url}/api/v1/agents/{agent['id']}/heartbeat",
        json={},
        headers={"Authorization": f"Bearer {token}"},
    )
    return answer.status_code


def test_settings_reach_a_running_agent_and_people_see_when_it_goes_by_them(platform: Platform):
    with operations.crew(platform, 1, slots=1):
        agent = the_agent(platform)
        path = f"/api/v1/agents/{agent['id']}"
        platform.post(f"{path}/settings", {"slots": 2, "log_level": "debug"})
        platform.post(f"{path}/settings", {"slots": 3, "heartbeat_s": 1.0})
        asked = the_agent(platform)
        assert asked["settings"] == {"slots": 3, "log_level": "debug", "heartbeat_s": 1.0}
        wait_until(lambda: the_agent(platform)["slots"]["total"] == 3)
        wait_until(lambda: the_agent(platform)["settings_applied"] == asked["settings_version"])
        platform.post(f"{path}/settings", {"slots": None})
        wait_until(lambda: the_agent(platform)["slots"]["total"] == 1)
        assert finishes(platform)


def test_who_waits_for_a_machine_that_is_taken_is_told_so(platform: Platform, tmp_path: Path):
    file = tmp_path / "not-now"
    file.write_text("until: 2999-01-01T00:00:00Z\nthe GPU is taken for a demo")
    options = (*operations.QUICK_AGENT, "--not-now-file", str(file))
    wait_until(lambda: not fleet.online(platform), timeout_s=60)
    with fleet.agents(platform, 1, slots=1, options=options):
        wait_until(lambda: the_agent(platform)["not_now"])
        shown = the_agent(platform)["not_now"]
        assert shown["reason"] == "the GPU is taken for a demo"
        assert shown["until"] == "2999-01-01T00:00:00Z"
        (identity,) = operations.submit(platform, [{"driver": "noop"}])
        why = platform.get(f"/api/v1/tasks/{identity}/waiting")
        assert why["code"] == "not_now"
        assert "the GPU is taken for a demo" in why["candidates"][0]["found"]
        file.unlink()
        assert operations.ended(platform, identity)["state"] == "completed"


def test_an_agent_comes_back_on_the_newest_token_after_two_rotations_in_its_absence(
    platform: Platform,
):
    identity = platform.home / "bench-agent-0" / "identity.json"
    with operations.crew(platform, 1, slots=1):
        agent = the_agent(platform)
        first = json.loads(identity.read_text())["token"]
    path = f"/api/v1/agents/{agent['id']}"
    for _ in range(2):
        assert platform.post(f"{path}/regenerate-token", {"rotate": True})["rotating"] is True

    with operations.crew(platform, 1, slots=1):
        second = wait_until(lambda: _another(identity, first))
        wait_until(lambda: heartbeat(platform, agent, first) == 401)
        assert finishes(platform)
        assert json.loads(identity.read_text())["token"] == second, "one rotation serves both"
    assert heartbeat(platform, agent, second) == 200


def test_of_two_tokens_made_in_its_absence_the_newer_one_is_the_one(platform: Platform):
    identity = platform.home / "bench-agent-0" / "identity.json"
    with operations.crew(platform, 1, slots=1):
        agent = the_agent(platform)
        first = json.loads(identity.read_text())["token"]
    path = f"/api/v1/agents/{agent['id']}"
    second, third = (platform.post(f"{path}/regenerate-token", {})["token"] for _ in range(2))
    identity.write_text(json.dumps({"agent": agent["id"], "token": third}))

    with operations.crew(platform, 1, slots=1):
        assert finishes(platform)
        wait_until(lambda: heartbeat(platform, agent, first) == 401)
        wait_until(lambda: heartbeat(platform, agent, second) == 401)
        assert json.loads(identity.read_text())["token"] == third


def _another(identity: Path, token: str) -> str | None:
    now: str = json.loads(identity.read_text())["token"]
    return None if now == token else now
