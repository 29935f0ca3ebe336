"""What operators do: through services, one row at a time, refusals by name."""

import pytest
from django.urls import reverse

from executors.core.lifecycle import TaskState
from executors.models import Task
from k8s4r.access.models import Project, Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_project,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    an_attempt,
    state_of,
)


def act(browser, model, action, *rows):
    """Choose rows of a list and an action; return what the operator is told."""
    answer = browser.post(
        reverse(f"admin:{model}_changelist"),
        {"action": action, "_selected_action": [str(row.pk) for row in rows]},
        follow=True,
    )
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def press(browser, name, row, *further, **fields):
    """Press a button on the page of one row; return what the operator is told."""
    address = reverse(f"admin:{name}", args=[row.pk, *further])
    answer = browser.post(address, fields, follow=True)
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
    assert press(browser, "task_act", task, "cancel") == ["Cancelled: 1"]
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
         "name": "other", "type": "static"},
    )  # fmt: skip
    assert answer.status_code == 302
    pool.refresh_from_db()
    assert (pool.strategy, pool.max_concurrent) == ("random", 7)
    assert (pool.name, pool.type) == ("default", "dynamic")
    assert pool.changed_at > NOON


@pytest.mark.parametrize("column", ["max_concurrent", "max_per_owner"])
@pytest.mark.parametrize("limit", ["0", "-1", "2147483648", "many"])
def test_a_limit_that_is_none_is_refused_in_the_form(browser, pool, column, limit):
    form = {"description": "", "strategy": "random", column: limit}
    answer = browser.post(reverse("admin:pools_pool_change", args=[pool.pk]), form)
    assert answer.status_code == 200
    assert list(answer.context["errors"])
    pool.refresh_from_db()
    assert (getattr(pool, column), pool.strategy) == (None, "least_busy")


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
    form = {"action": "revoke_selected", "_selected_action": [str(minted.token.pk)]}
    asked = browser.post(reverse("admin:access_token_changelist"), form).content.decode()
    assert secret not in asked
    form["typed"] = minted.token.key_id
    assert (
        secret
        not in browser.post(
            reverse("admin:access_token_changelist"), form, follow=True
        ).content.decode()
    )
    assert Token.objects.get(pk=minted.token.pk).revoked_at is not None


BUTTONS = [
    ("task_act", "cancel"), ("task_act", "retry"), ("task_resolve",), ("agent_steer",),
    ("agent_rotate",), ("agent_end", "delete"), ("agent_end", "revoke"),
]  # fmt: skip


def addresses(task, agent):
    for name, *further in BUTTONS:
        row = agent if name.startswith("agent") else task
        yield reverse(f"admin:{name}", args=[row.pk, *further])
    yield reverse("admin:task_again", args=[task.pk])
    yield reverse("admin:tasks_all", args=["cancel"])
    yield reverse("admin:agent_add")
    yield reverse("admin:pool_gate", args=[task.pool_id])
    yield reverse("admin:pool_end", args=[task.pool_id, "delete"])
    yield reverse("admin:project_share", args=[task.project_id])
    yield reverse("admin:project_unshare", args=[task.project_id])


def test_who_may_only_look_finds_no_buttons_and_no_way_around_them(visitor, pool, agent):
    task = a_task(pool)
    an_attempt(a_task(pool), agent, state="running")
    text = visitor.get(reverse("admin:executors_task_change", args=[task.pk])).content.decode()
    assert "data-confirm" not in text
    assert "ask for the role operator in project default" in text
    agent_text = visitor.get(reverse("admin:agents_agent_change", args=[agent.pk])).content.decode()
    assert 'name="ask"' not in agent_text
    for address in addresses(task, agent):
        fields = {"ask": "paused", "outcome": "failed", "reason": "x", "how": "show"}
        assert visitor.post(address, fields).status_code == 403, address
    agent.refresh_from_db()
    assert (agent.desired, state_of(task)) == ("active", "pending")


def test_nothing_is_done_by_a_link(browser, pool, agent):
    task = a_task(pool)
    for name, *further in BUTTONS[:4]:
        row = agent if name.startswith("agent") else task
        address = reverse(f"admin:{name}", args=[row.pk, *further])
        assert browser.get(address).status_code == 405
    for address in addresses(task, agent):
        browser.get(address)
    assert (state_of(task), Token.objects.count(), Task.objects.count()) == ("pending", 0, 1)


def test_everything_that_a_list_shows_is_cancelled_without_a_limit_of_a_page(browser, pool):
    other = a_user("bob")
    mine = a_tasks(pool, 120)
    theirs, ended = a_task(pool, owner=other), a_task(pool, state=TaskState.FAILED)
    address = reverse("admin:tasks_all", args=["cancel"]) + "?owner=alice"
    asked = browser.get(address)
    assert b"Cancel 120 tasks?" in asked.content
    form = {"seen": asked.context["seen"], "typed": "120"}
    answer = browser.post(address, form, follow=True)
    assert [str(message) for message in answer.context["messages"]] == ["Cancelled: 120"]
    assert {state_of(task) for task in mine} == {"cancelled"}
    assert (state_of(theirs), state_of(ended)) == ("pending", "failed")


def test_failed_tasks_are_retried_and_those_that_cannot_be_are_named(browser, pool):
    failed = a_task(pool, state=TaskState.FAILED, name="broke")
    fine = a_task(pool, state=TaskState.COMPLETED, name="fine")
    said = act(browser, "executors_task", "retry_selected", failed, fine)
    assert said[0] == "Submitted again: 1"
    assert said[1].startswith("fine: ")
    assert Task.objects.get(parent=failed).name == "broke"


def test_a_new_token_is_shown_once_and_the_agent_may_fetch_its_own(browser, agent):
    terms = Terms(lifetime=None, subject=agent.pk, project=agent.project)
    old = tokens.mint(TokenKind.AGENT, terms, now=NOON).token
    address = reverse("admin:agent_rotate", args=[agent.pk])
    assert "agt_" in browser.post(address, {"how": "show"}).content.decode()
    assert "agt_" not in page_of(browser, agent)
    browser.post(address, {"how": "ask"})
    assert "A new token is on its way" in page_of(browser, agent)
    old.refresh_from_db()
    assert (old.rotating, old.revoked_at) == (True, None)


def page_of(browser, agent):
    return browser.get(reverse("admin:agents_agent_change", args=[agent.pk])).content.decode()


def test_the_line_for_another_machine_lets_one_agent_in(browser, pool):
    made = browser.post(reverse("admin:agent_add"), {"pool": str(pool.pk)})
    token = Token.objects.get(kind=TokenKind.ENROLMENT)
    assert (token.max_uses, token.pool_id, token.project) == (1, pool.pk, pool.project)
    assert "k8s4r-agent start --url http://testserver" in made.context["line"]
    waiting = browser.get(reverse("admin:agent_arrival", args=[token.pk])).content.decode()
    assert "Waiting for it to arrive" in waiting
    an_agent("fresh", metadata={"enrolment": str(token.pk)})
    arrived = browser.get(reverse("admin:agent_arrival", args=[token.pk])).content.decode()
    assert "fresh is here" in arrived
