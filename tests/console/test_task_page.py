"""The page of a task shows all there is to know, at a constant number of queries."""

import pytest
from django.urls import reverse

from executors.core.lifecycle import TaskState
from executors.models import Annotation, Attempt, LogChunk, Task
from tests.builders import (
    NOON,
    a_requirement,
    a_task,
    an_agent,
    an_attempt,
)
from tests.console.opening import page, queries


def test_a_waiting_task_shows_why_agent_by_agent(browser, pool, agent):
    task = a_task(pool, requirement=a_requirement(pool, labels={"gpu": "a100"}))
    text = page(browser, "executors_task_change", task.pk)
    assert "Why it waits: labels_missing" in text
    (reason,) = browser.get(reverse("admin:executors_task_change", args=[task.pk])).context[
        "waiting"
    ]["candidates"]
    assert (reason.rule, reason.needed, reason.found) == ("labels.gpu", "a100", "nothing")
    assert "Submit it with changes" in text
    assert f"k8s4r why {task.pk}" in text


def test_a_task_shows_its_attempts_its_history_and_its_log(browser, pool, agent):
    task = a_task(pool, name="build", spec={"argv": ["make", "it all"]})
    an_attempt(task, agent, state="running")
    text = page(browser, "executors_task_change", task.pk)
    assert "make &#x27;it all&#x27;" in text
    assert "1: its log" in text
    assert f'data-log="/api/v1/tasks/{task.pk}/logs" data-attempt="1"' in text


def test_the_page_of_a_task_costs_the_same_however_many_agents_could_take_it(browser, pool):
    task = a_task(pool)
    an_agent()
    few = queries(browser, "executors_task_change", task.pk)
    for _ in range(10):
        an_agent()
    assert queries(browser, "executors_task_change", task.pk) == few


def test_the_page_of_a_task_costs_the_same_however_often_it_was_tried(browser, pool, agent):
    task = a_task(pool)
    an_attempt(task, agent, state="running", ended_at=NOON)
    Attempt.objects.update(state="failed")
    few = queries(browser, "executors_task_change", task.pk)
    for _ in range(5):
        an_attempt(task, an_agent(), state="running", ended_at=NOON)
        Attempt.objects.filter(state="running").update(state="failed")
    assert queries(browser, "executors_task_change", task.pk) == few


@pytest.mark.parametrize("state", list(TaskState))
def test_a_task_can_be_looked_at_in_every_state(browser, pool, state):
    task = a_task(pool, state=state)
    assert state.replace("_", " ") in page(browser, "executors_task_change", task.pk)


def log_of(browser, task, **query):
    answer = browser.get(reverse("admin:executors_task_change", args=[task.pk]), query)
    return answer.context["log"]


def test_the_log_begins_at_its_beginning_and_shows_the_latest_attempt(browser, pool, agent):
    task = a_task(pool)
    assert (log_of(browser, task).attempt, log_of(browser, task).after) == (0, "")
    an_attempt(task, agent, state="running", ended_at=NOON)
    Attempt.objects.update(state="failed")
    an_attempt(task, agent, state="running")
    found = log_of(browser, task)
    assert (found.attempt, found.latest, found.after) == (2, 2, "")
    assert log_of(browser, task, attempt="1").attempt == 1


def test_of_a_long_log_only_the_end_is_shown(browser, pool, agent):
    task = a_task(pool)
    attempt = an_attempt(task, agent, state="running")
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, seq=seq, stream="stdout", at=NOON, data=b"x" * 2**20)
        for seq in range(1, 8)
    )
    Task.objects.update(log_bytes=7 * 2**20)
    found = log_of(browser, task)
    assert (found.after, found.is_cut) == ("1.3", True)


def test_the_page_of_a_task_takes_few_queries(browser, pool, agent):
    task = a_task(pool, parent=a_task(pool))
    an_attempt(task, agent, state="running")
    a_task(pool, parent=task)
    assert queries(browser, "executors_task_change", task.pk) <= 15
    waiting = a_task(pool, requirement=a_requirement(pool, labels={"gpu": "a100"}))
    an_agent("away", observed="offline", labels={"gpu": "a100"})
    assert queries(browser, "executors_task_change", waiting.pk) <= 15


def test_progress_and_annotations_are_those_of_the_attempt_that_is_shown(browser, pool, agent):
    task = a_task(pool)
    first = an_attempt(task, agent, state="running", ended_at=NOON)
    Attempt.objects.update(state="failed")
    second = an_attempt(task, agent, state="running")
    told = {"progress": 0.29, "progress_text": "<b>", "progress_at": NOON}
    for attempt, text in ((first, "*old*"), (second, "*new* <i>")):
        Annotation.objects.create(
            attempt=attempt, context="tests", style="info", text=text, told_at=NOON
        )
    Task.objects.filter(pk=task.pk).update(**told, progress_attempt=1)
    text = page(browser, "executors_task_change", task.pk)
    assert "<em>new</em> &lt;i&gt;" in text
    assert "<em>old</em>" not in text
    assert "% done" not in text
    Task.objects.filter(pk=task.pk).update(progress_attempt=2)
    text = page(browser, "executors_task_change", task.pk)
    assert "29 % done" in text
    assert "&lt;b&gt;" in text
    earlier = browser.get(
        reverse("admin:executors_task_change", args=[task.pk]), {"attempt": "1"}
    ).content.decode()
    assert "<em>old</em>" in earlier
