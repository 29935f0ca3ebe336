"""Every page opens with rows on it, at a constant number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executors.core.lifecycle import TaskState
from executors.models import Attempt, LogChunk, Requirement, Task
from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from tests.builders import (
    NOON,
    a_pool,
    a_requirement,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    an_attempt,
)

LISTS = [
    "executors_task", "agents_agent", "pools_pool", "access_project", "access_user",
    "access_token", "auth_group", "audit_auditevent",
]  # fmt: skip


def page(browser, name, *arguments, **query):
    answer = browser.get(reverse(f"admin:{name}", args=arguments), query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def queries(browser, name, *arguments):
    # The first look of a process fills Django's cache of content types.
    page(browser, name, *arguments)
    with CaptureQueriesContext(connection) as captured:
        page(browser, name, *arguments)
    return len(captured)


def rows(pool, count):
    """Make tasks that wait, run and ended, on agents of their own, with tokens and events."""
    for _ in range(count):
        agent = an_agent()
        an_attempt(a_task(pool, owner=a_user(f"u{agent.pk}")), agent, state="running")
        a_task(pool, state=TaskState.FAILED, ended_at=NOON, reason="exit_code", exit_code=1)
        a_task(a_pool())
        tokens.mint(TokenKind.AGENT, Terms(lifetime=None, subject=agent.pk), now=NOON)


@pytest.mark.parametrize("model", LISTS)
def test_a_list_opens_at_the_same_cost_however_long_it_is(browser, pool, model):
    rows(pool, 1)
    few = queries(browser, f"{model}_changelist")
    rows(pool, 8)
    assert queries(browser, f"{model}_changelist") == few


def test_home_opens_at_the_same_cost_however_much_there_is(browser, pool):
    rows(pool, 1)
    few = queries(browser, "index")
    rows(pool, 8)
    assert queries(browser, "index") == few


def test_home_counts_what_waits_runs_and_failed(browser, pool, agent):
    an_attempt(a_task(pool), agent, state="running")
    a_tasks(pool, 3)
    answer = browser.get(reverse("admin:index"))
    shown = answer.context
    assert (shown["waiting"], shown["slots"].used, shown["slots"].total) == (3, 1, 2)
    assert [(one.number) for one in shown["tasks"]] == [3, 1]


def test_home_of_an_empty_platform_says_what_to_do_first(browser):
    text = page(browser, "index")
    assert "k8s4r run" in text
    assert "k8s4r agent add" in text


def test_home_names_what_only_a_person_can_mend(browser, pool, agent):
    needs = a_requirement(pool, labels={"gpu": "a100"})
    Requirement.objects.filter(pk=needs.pk).update(waiting_code="labels_missing")
    a_task(pool, requirement=needs)
    a_task(pool, name="lost-one", state=TaskState.UNKNOWN, agent=agent)
    an_agent("new-one", observed="pending")
    text = page(browser, "index")
    for words in ("labels_missing", "lost-one", "new-one"):
        assert words in text


def test_home_does_not_mourn_a_reason_for_which_nothing_waits_any_more(browser, pool):
    needs = a_requirement(pool, labels={"gpu": "a100"})
    Requirement.objects.filter(pk=needs.pk).update(waiting_code="labels_missing")
    a_task(pool, requirement=needs, state=TaskState.CANCELLED, ended_at=NOON)
    assert "labels_missing" not in page(browser, "index")


def test_a_waiting_task_shows_why_agent_by_agent(browser, pool, agent):
    task = a_task(pool, requirement=a_requirement(pool, labels={"gpu": "a100"}))
    text = page(browser, "executors_task_change", task.pk)
    assert "Why it waits: labels_missing" in text
    assert "labels.gpu: needs a100, has nothing" in text
    assert f"k8s4r why {task.pk}" in text


def test_a_task_shows_its_attempts_its_history_and_its_log(browser, pool, agent):
    task = a_task(pool, name="build", spec={"argv": ["make", "it all"]})
    attempt = an_attempt(task, agent, state="running")
    LogChunk.objects.create(attempt=attempt, seq=2, stream="stdout", at=NOON, data=b"<b>hi</b>\n")
    text = page(browser, "executors_task_change", task.pk)
    assert "make &#x27;it all&#x27;" in text
    assert "attempt 1" in text
    assert "&lt;b&gt;hi&lt;/b&gt;" in text
    assert "<b>hi</b>" not in text


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


def test_an_agent_shows_its_slots_and_what_is_on_them(browser, pool, agent):
    an_attempt(a_task(pool, name="build"), agent, state="running")
    text = page(browser, "agents_agent_change", agent.pk)
    assert "1 of 2 slots in use" in text
    assert "build" in text


def test_a_page_of_what_is_not_there_says_so(browser):
    missing = "01a1fe58-c578-7000-8503-ff93c4751a8e"
    for model in ("executors_task", "agents_agent"):
        answer = browser.get(reverse(f"admin:{model}_change", args=[missing]))
        assert answer.status_code == 302


@pytest.mark.parametrize("text", ["build", "01a1fe58-c578", "'; --", "\x00"])
def test_any_text_can_be_searched_for(browser, pool, text):
    a_task(pool, name="build")
    page(browser, "executors_task_changelist", q=text)


def test_a_task_is_found_by_the_beginning_of_its_id(browser, pool):
    one, other = a_tasks(pool, 2)
    text = page(browser, "executors_task_changelist", q=str(one.pk)[:23])
    assert str(one.pk) in text
    assert (str(other.pk) in text) == str(other.pk).startswith(str(one.pk)[:23])


@pytest.mark.parametrize(
    ("chosen", "shown"), [("open", {"a", "b"}), ("ended", {"c"}), ("failed", {"c"}), ("x", set())]
)
def test_the_filters_of_a_list_stand_in_its_address(browser, pool, chosen, shown):
    a_task(pool, name="a")
    a_task(pool, name="b", state=TaskState.RUNNING)
    a_task(pool, name="c", state=TaskState.FAILED)
    answer = browser.get(reverse("admin:executors_task_changelist"), {"state": chosen})
    assert {task.name for task in answer.context["cl"].result_list} == shown


def test_tasks_of_one_agent_have_an_address(browser, pool, agent):
    an_attempt(a_task(pool, name="mine"), agent)
    a_task(pool, name="other")
    query = {"agent__id__exact": str(agent.pk)}
    answer = browser.get(reverse("admin:executors_task_changelist"), query)
    assert [task.name for task in answer.context["cl"].result_list] == ["mine"]


def test_nobody_adds_or_deletes_what_services_write(browser, pool):
    task = a_task(pool)
    for name in ("executors_task", "agents_agent", "pools_pool", "audit_auditevent"):
        assert browser.get(reverse(f"admin:{name}_add")).status_code == 403
    assert browser.post(reverse("admin:executors_task_delete", args=[task.pk])).status_code == 403
    assert Task.objects.filter(pk=task.pk).exists()


def test_the_live_log_is_the_end_of_the_latest_attempt(browser, pool, agent):
    task = a_task(pool)
    attempt = an_attempt(task, agent, state="running")
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, seq=seq, stream="stdout", at=NOON, data=b"%06d\n" % seq * 100)
        for seq in range(2, 202)
    )
    found = browser.get(reverse("admin:task_log", args=[task.pk])).json()
    assert found["is_cut"]
    assert (found["state"], found["attempt"], found["is_final"]) == ("running", 1, False)
    assert len(found["text"]) == 65_536
    assert found["text"].endswith("000201\n")


def test_a_log_on_a_page_has_no_control_sequences(browser, pool, agent):
    task = a_task(pool)
    attempt = an_attempt(task, agent, state="running")
    data = b"\x1b[31mred\x1b[0m\x1b]0;title\x07 \xff\r\n"
    LogChunk.objects.create(attempt=attempt, seq=2, stream="stdout", at=NOON, data=data)
    found = browser.get(reverse("admin:task_log", args=[task.pk])).json()
    assert found["text"] == "red \N{REPLACEMENT CHARACTER}\n"


def test_a_stranger_sees_nothing(client, pool):
    task = a_task(pool)
    for name, arguments in [
        ("index", []), ("executors_task_change", [task.pk]), ("task_log", [task.pk]),
    ]:  # fmt: skip
        answer = client.get(reverse(f"admin:{name}", args=arguments))
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]
