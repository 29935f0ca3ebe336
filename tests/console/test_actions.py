"""What operators do: through services, one row at a time, refusals by name."""

import pytest
from django.urls import reverse

from executors.core.lifecycle import TaskState
from k8s4r.access.models import Project, Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.models import AuditEvent
from tests.builders import NOON, a_project, a_task, an_agent, an_attempt, state_of


def act(browser, model, action, *rows):
    """Choose rows of a list and an action; return what the operator is told."""
    answer = browser.post(
        reverse(f"admin:{model}_changelist"),
        {"action": action, "_selected_action": [str(row.pk) for row in rows]},
        follow=True,
    )
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def press(browser, name, row, **fields):
    """Press a button on the page of one row; return what the operator is told."""
    answer = browser.post(reverse(f"admin:{name}", args=[row.pk]), fields, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def test_selected_tasks_are_cancelled_and_those_that_cannot_be_are_named(browser, pool, operator):
    waiting, ended = a_task(pool), a_task(pool, state=TaskState.COMPLETED)
    said = act(browser, "executors_task", "cancel_selected", waiting, ended)
    assert said[0] == "Cancelled: 1"
    assert said[1].startswith(f"task {ended.pk}: ")
    assert state_of(waiting) == "cancelled"
    event = AuditEvent.objects.filter(object_id=waiting.pk, to_state="cancelled").get()
    assert (event.actor_kind, event.actor_id, event.cause) == ("user", str(operator.pk), "cancel")


def test_a_running_task_is_told_to_stop_from_its_page(browser, pool, agent):
    task = a_task(pool)
    attempt = an_attempt(task, agent, state="running")
    assert press(browser, "task_cancel", task) == ["Cancelled: 1"]
    assert state_of(attempt) == "stopping"


def test_an_unknown_task_is_resolved_with_a_reason(browser, pool, agent):
    task = a_task(pool)
    attempt = an_attempt(task, agent, state="unknown")
    type(task).objects.filter(pk=task.pk).update(state=TaskState.UNKNOWN)
    said = press(browser, "task_resolve", task, outcome="failed", reason="saw the rack burn")
    assert said == []
    task.refresh_from_db()
    assert (task.state, task.message) == ("failed", "saw the rack burn")
    assert state_of(attempt) == "lost"


@pytest.mark.parametrize(("outcome", "words"), [("failed", "only unknown"), ("gone", "gone")])
def test_what_cannot_be_resolved_is_refused_with_the_reason(browser, pool, outcome, words):
    task = a_task(pool)
    (said,) = press(browser, "task_resolve", task, outcome=outcome, reason="x")
    assert words in said
    assert state_of(task) == "pending"


@pytest.mark.parametrize(
    ("action", "desired"),
    [("pause_selected", "paused"), ("drain_selected", "draining"), ("resume_selected", "active")],
)
def test_selected_agents_are_steered(browser, agent, action, desired):
    assert act(browser, "agents_agent", action, agent) == [f"Now {desired}: 1"]
    agent.refresh_from_db()
    assert agent.desired == desired


def test_an_agent_that_cannot_take_a_wish_is_named(browser, agent):
    gone = an_agent("gone", desired="revoked")
    said = act(browser, "agents_agent", "pause_selected", agent, gone)
    assert said[0] == "Now paused: 1"
    assert said[1].startswith("gone: ")


def test_agents_that_enrolled_themselves_are_approved(browser):
    new = an_agent("new", observed="pending")
    assert act(browser, "agents_agent", "approve_selected", new) == ["Approved: 1"]
    new.refresh_from_db()
    assert new.observed == "offline"


@pytest.mark.parametrize(
    ("asked", "desired"), [("draining", "draining"), ("revoked", "active"), ("nonsense", "active")]
)
def test_the_buttons_of_an_agent_ask_only_what_they_offer(browser, agent, asked, desired):
    press(browser, "agent_steer", agent, ask=asked)
    agent.refresh_from_db()
    assert agent.desired == desired


def test_a_pool_is_changed_where_it_may_be(browser, pool):
    answer = browser.post(
        reverse("admin:pools_pool_change", args=[pool.pk]),
        {"description": "", "strategy": "random", "max_concurrent": "7", "max_per_owner": "",
         "paused": "on", "name": "other", "type": "static"},
    )  # fmt: skip
    assert answer.status_code == 302
    pool.refresh_from_db()
    assert (pool.strategy, pool.max_concurrent, pool.paused) == ("random", 7, True)
    assert (pool.name, pool.type) == ("default", "dynamic")
    assert pool.changed_at > NOON


def test_a_projects_weight_is_changed_and_its_name_stays(browser):
    project = a_project("web")
    answer = browser.post(
        reverse("admin:access_project_change", args=[project.pk]),
        {"name": "other", "description": "d", "weight": "2.5"},
    )
    assert answer.status_code == 302
    project.refresh_from_db()
    assert (project.name, project.weight) == ("web", 2.5)
    assert Project.objects.count() == 1


def test_tokens_are_revoked_and_never_shown(browser):
    minted = tokens.mint(TokenKind.ENROLMENT, Terms(lifetime=None, project=a_project()), now=NOON)
    secret = minted.text.split("_", 2)[2]
    listed = browser.get(reverse("admin:access_token_changelist")).content.decode()
    shown = browser.get(reverse("admin:access_token_change", args=[minted.token.pk]))
    assert secret not in listed + shown.content.decode()
    assert act(browser, "access_token", "revoke_selected", minted.token) == ["Revoked: 1"]
    assert Token.objects.get(pk=minted.token.pk).revoked_at is not None


def test_who_may_only_look_finds_no_buttons_and_no_way_around_them(visitor, pool, agent):
    task = a_task(pool)
    an_attempt(a_task(pool), agent, state="running")
    text = visitor.get(reverse("admin:executors_task_change", args=[task.pk])).content.decode()
    assert "data-confirm" not in text
    agent_text = visitor.get(reverse("admin:agents_agent_change", args=[agent.pk])).content.decode()
    assert 'name="ask"' not in agent_text
    for name, row in (("task_cancel", task), ("task_resolve", task), ("agent_steer", agent)):
        fields = {"ask": "paused", "outcome": "failed", "reason": "x"}
        answer = visitor.post(reverse(f"admin:{name}", args=[row.pk]), fields)
        assert answer.status_code == 403
    agent.refresh_from_db()
    assert (agent.desired, state_of(task)) == ("active", "pending")


def test_nothing_is_done_by_a_link(browser, pool, agent):
    task = a_task(pool)
    for name, row in (("task_cancel", task), ("task_resolve", task), ("agent_steer", agent)):
        assert browser.get(reverse(f"admin:{name}", args=[row.pk])).status_code == 405
