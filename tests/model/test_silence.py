"""A history that random ones seldom play to its end: an agent falls silent, another takes over."""

import pytest

from tests.model.test_lifecycle import Fleet


@pytest.fixture
def fleet(db):
    playing = Fleet()
    playing.a_fleet()
    yield playing
    playing.teardown()


def test_a_runner_that_hears_nothing_has_stopped_before_another_begins(fleet):
    fleet.submit(disconnect="replace")
    fleet.run_pass()
    for index in (0, 1):
        fleet.claim(index, is_answer_lost=False)
    (silent,) = (index for index, runner in enumerate(fleet.runners) if runner.works)

    for _ in range(20):
        fleet.advance(5)
        fleet.heartbeat(1 - silent, is_answer_lost=False)
        fleet.run_pass()
        fleet.claim(1 - silent, is_answer_lost=False)

    assert [span.attempt for span in fleet.spans] == [
        *fleet.runners[silent].works, *fleet.runners[1 - silent].works,
    ]  # fmt: skip
    fleet.no_task_runs_twice_at_once()
