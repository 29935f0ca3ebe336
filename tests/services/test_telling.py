"""What work tells of itself, by its agent's reports as well as by its own word."""

import pytest

from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Task
from tests.builders import a_pool, a_running_attempt, an_agent
from tests.services.agentside import report, says

pytestmark = pytest.mark.django_db


def test_progress_that_an_agent_reports_is_that_of_its_task():
    """The last of a batch counts; one without a number is a sign of life and no more."""
    agent = an_agent()
    attempt = a_running_attempt(a_pool(agent), agent)
    items = [
        says(attempt, 1, "progress", fraction=0.25, message="a quarter"),
        says(attempt, 2, "progress", fraction=0.5, message="half" * 100),
        says(attempt, 3, "progress", message="still there"),
    ]
    assert report(attempt, *items) == ["ok"] * 3
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.progress, task.progress_text) == (0.5, ("half" * 100)[:200])
    assert task.progress_attempt == attempt.number


def test_progress_comes_with_the_end_that_follows_it_in_a_batch():
    agent = an_agent()
    attempt = a_running_attempt(a_pool(agent), agent)
    items = [
        says(attempt, 1, "progress", fraction=1.0),
        says(attempt, 2, "finished", exit_code=0),
    ]
    assert report(attempt, *items) == ["ok", "ok"]
    task = Task.objects.get(pk=attempt.task_id)
    attempt.refresh_from_db()
    assert (task.state, attempt.state) == (TaskState.COMPLETED, AttemptState.SUCCEEDED)
    assert task.progress == 1.0
