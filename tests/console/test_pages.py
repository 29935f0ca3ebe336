"""Every page opens with rows on it, at a constant number of queries."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Agent
from executors.core.lifecycle import TaskState
from executors.models import Requirement, Task
from tests.builders import (
    NOON,
    a_requirement,
    a_task,
    a_tasks,
    a_user,
    an_attempt,
)
from tests.console.opening import page, queries, rows

LISTS = [
    "executors_task", "agents_agent", "pools_pool", "access_project", "access_user",
    "access_token", "auth_group", "audit_auditevent",
]  # fmt: skip


@pytest.mark.parametrize("model", LISTS)
def test_a_list_opens_at_the_same_cost_however_long_it_is(browser, pool, model):
    rows(pool, 1)
    few = queries(browser, f"{model}_changelist")
    rows(pool, 8)
    assert queries(browser, f"{model}_changelist") == few


def test_an_agent_shows_its_slots_and_what_is_on_them(browser, pool, agent):
    an_attempt(a_task(pool, name="build"), agent, state="running")
    text = page(browser, "agents_agent_change", agent.pk)
    assert "1 of 2 slots in use" in text
    assert "build" in text


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("executors_task", "Tasks"),
        ("agents_agent", "Agents"),
        ("pools_pool", "Pools"),
        ("access_user", "Users"),
        ("access_token", "Tokens"),
        ("audit_auditevent", "Audit events"),
        ("operating_notificationtarget", "Notification targets"),
    ],
)
def test_a_tab_of_the_browser_is_called_what_its_list_has(browser, pool, model, name):
    text = page(browser, f"{model}_changelist")
    assert re.search(r"<title>\s*(.*?)\s*</title>", text, re.DOTALL)[1] == f"{name} | k8s4r"


def test_an_agent_shows_how_its_tasks_ended_and_where_it_is(browser, pool, agent):
    Agent.objects.filter(pk=agent.pk).update(endpoint="https://web-1.lan/<b>")
    assert "<dt>tasks</dt><dd>0</dd>" in page(browser, "agents_agent_change", agent.pk)
    a_tasks(pool, 3, agent=agent, state="completed", ended_at=NOON)
    a_task(pool, agent=agent, state="failed", ended_at=NOON)
    text = page(browser, "agents_agent_change", agent.pk)
    assert "<dt>tasks</dt><dd>4, 3 good, 1 failed</dd>" in text
    assert "<dt>endpoint</dt><dd>https://web-1.lan/&lt;b&gt;</dd>" in text


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


def test_the_page_of_an_agent_costs_the_same_however_much_it_did(browser, pool, agent):
    an_attempt(a_task(pool), agent, state="running")
    few = queries(browser, "agents_agent_change", agent.pk)
    an_attempt(a_task(pool), agent, state="running")
    a_tasks(pool, 5, agent=agent, state=TaskState.FAILED)
    assert queries(browser, "agents_agent_change", agent.pk) == few


def test_the_page_of_a_pool_costs_the_same_however_much_waits(browser, pool, agent):
    an_attempt(a_task(pool), agent, state="running")
    a_task(pool)
    few = queries(browser, "pools_pool_change", pool.pk)
    rows(pool, 5)
    assert queries(browser, "pools_pool_change", pool.pk) == few


def test_a_pool_groups_what_waits_by_reason(browser, pool, agent):
    for size, labels, code in ((2, {"gpu": "a"}, "labels_missing"), (1, {"gpu": "b"}, "slots_full"),
                               (1, {"gpu": "c"}, "")):  # fmt: skip
        needs = a_requirement(pool, labels=labels)
        Requirement.objects.filter(pk=needs.pk).update(waiting_code=code)
        a_tasks(pool, size, requirement=needs)
    answer = browser.get(reverse("admin:pools_pool_change", args=[pool.pk]))
    groups = {one["row"].code: (one["row"].count, one["needs"]) for one in answer.context["groups"]}
    count, needs = groups.pop("labels_missing")
    # What no pass has looked at yet is judged by the page.
    assert (count, needs) == (3, "gpu=a; gpu=c")
    assert groups == {"slots_full": (1, "gpu=b")}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("batch", {"a"}), ("batch=7f", {"a"}), ("batch=8", set()), ("7F", {"a"}), ("BU", {"b"}),
        ('"', set()), ("{", set()), ("gpu", set()),
    ],
)  # fmt: skip
def test_tasks_are_found_by_name_and_by_label(browser, pool, text, shown):
    needs = a_requirement(pool, labels={"gpu": "a100"})
    a_task(pool, name="a", labels={"batch": "7f"}, requirement=needs)
    a_task(pool, name="build")
    answer = browser.get(reverse("admin:executors_task_changelist"), {"q": text})
    assert {task.name[0] for task in answer.context["cl"].result_list} == shown


def test_a_state_above_the_list_keeps_the_other_filters(browser, pool):
    answer = browser.get(
        reverse("admin:executors_task_changelist"), {"owner": "alice", "state": "open", "p": "1"}
    )
    chips = {chip.word: chip for chip in answer.context["state_chips"]}
    assert chips["not ended"].is_chosen
    assert chips["failed"].query == "owner=alice&state=failed"


def test_a_page_loads_and_runs_only_what_comes_from_here(browser, pool):
    answer = browser.get(reverse("admin:index"))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert "Content-Security-Policy" not in browser.get("/api/v1/tasks").headers


def test_what_is_not_there_looks_like_the_other_pages_and_says_what_to_do(browser, visitor):
    missing = browser.get("/admin/nowhere/")
    assert (missing.status_code, "leads nowhere" in missing.content.decode()) == (404, True)
    refused = visitor.get(reverse("admin:agent_add"))
    assert (refused.status_code, "may not do this" in refused.content.decode()) == (403, True)
    assert browser.get("/api/v1/nowhere").json()["code"] == "not_found"


def test_a_form_that_is_too_old_is_refused_in_words(operator, pool):
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    answer = client.post(reverse("admin:task_act", args=[a_task(pool).pk, "cancel"]))
    assert (answer.status_code, "too old" in answer.content.decode()) == (403, True)


def test_who_signs_in_wrongly_is_told_what_to_do(client, db):
    answer = client.post(reverse("admin:login"), {"username": "nobody", "password": "x"})
    assert "manage.py changepassword" in answer.content.decode()


def test_who_signs_in_comes_to_the_overview(client, db):
    user = a_user("olga", is_staff=True)
    user.set_password("a long one for tests")
    user.save()
    secret = {"username": "olga", "password": "a long one for tests"}
    assert client.post(reverse("admin:login"), secret)["Location"] == reverse("admin:index")


def test_a_stranger_sees_nothing(client, pool):
    task = a_task(pool)
    for name, arguments in [
        ("index", []),
        ("executors_task_change", [task.pk]), ("task_again", [task.pk]),
        ("agent_add", []),
    ]:  # fmt: skip
        answer = client.get(reverse(f"admin:{name}", args=arguments))
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]
