"""The server breaks at one point, just before or after a commit: nothing is lost or done twice."""

from contextlib import suppress

import pytest

from tests import fleet
from tests.faults import operations, witness
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

POINTS = [
    "create.before_commit",
    "create.after_commit",
    "news.before_telling",
    "reports.before_commit",
    "reports.after_commit",
]


@pytest.fixture(scope="module")
def armed(tmp_path_factory):
    """The folder of armed points."""
    return tmp_path_factory.mktemp("failpoints")


@pytest.fixture(scope="module")
def platform(armed):
    settings = {**operations.QUICK, "debug": "1", "failpoints": str(armed)}
    with fleet.platform(**settings) as running:
        yield running


@pytest.fixture(scope="module")
def _agent(platform):
    with operations.crew(platform, 1, slots=2):
        yield


@pytest.mark.usefixtures("_agent")
@pytest.mark.parametrize("action", ["exit", "raise"])
@pytest.mark.parametrize("point", POINTS)
def test_a_server_that_breaks_at_a_commit_loses_nothing_and_does_nothing_twice(
    platform, armed, tmp_path, point, action
):
    key = f"{point}-{action}"
    request = witness.request(tmp_path, 0, ticks=2, name=key)
    (armed / point).write_text(action)

    created = wait_until(lambda: create(platform, request, key=key), timeout_s=60)
    task = operations.ended(platform, created["id"])

    assert not (armed / point).exists()
    assert (task["state"], task["attempts_made"]) == ("completed", 1)
    assert [step.name for step in witness.steps(tmp_path / "0")] == ["start", "tick", "tick", "end"]
    assert named(platform, key) == 1


def create(platform, request, *, key):
    """Submit as a client does that repeats itself until it is answered."""
    with suppress(*fleet.AWAY):
        return platform.post("/api/v1/tasks", request, **{"Idempotency-Key": key})
    return None


def named(platform, name):
    """Return how many tasks have this name."""
    newest = platform.get("/api/v1/tasks?limit=200")["items"]
    return sum(item["name"] == name for item in newest)
