"""What nothing brings back is done only when its name, or how many it is, was typed."""

import pytest
from django.urls import reverse

from agents.models import Agent
from executors.core.lifecycle import TaskState
from k8s4r import clock
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import (
    NOON,
    a_member,
    a_pool,
    a_project,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    seconds,
    state_of,
)
from tests.console.conftest import browser_of

pytestmark = pytest.mark.django_db
NOT_IT = ["", "web-2", "WEB-1", "web-1x", "x" * 5000]
CANCEL = reverse("admin:tasks_all", args=["cancel"])


def ended(row):
    row.refresh_from_db()
    return row.archived_at is not None


def end(kind, row, ending="delete"):
    return reverse(f"admin:{kind}_end", args=[row.pk, ending])


@pytest.mark.parametrize("said", NOT_IT)
def test_a_machine_stays_until_its_name_is_typed(browser, agent, said):
    answer = browser.post(end("agent", agent), {"typed": said})
    assert answer.status_code == 422
    wrong = "type web-1 first" if not said else f"type web-1, not {said[:80]}"
    assert wrong in answer.context["problem"]
    assert b'aria-invalid="true"' in answer.content
    assert not ended(agent)


def test_a_machine_whose_name_was_typed_is_gone_and_that_is_told(browser, agent):
    answer = browser.post(end("agent", agent), {"typed": " web-1 "}, follow=True)
    assert [str(one) for one in answer.context["messages"]] == ["Deleted: web-1"]
    assert ended(agent)
    event = AuditEvent.objects.filter(object_id=agent.pk).first()
    assert (event.cause, event.actor_kind) == ("archive", "user")
    # Its name is free for the next machine, and the question about it is gone.
    assert browser.get(end("agent", agent)).status_code == 404


def test_a_revoked_machine_loses_its_tokens_and_stays_in_the_list(browser, agent):
    terms = Terms(lifetime=None, subject=agent.pk, project=agent.project)
    token = tokens.mint(TokenKind.AGENT, terms, now=NOON).token
    browser.post(end("agent", agent, "revoke"), {"typed": "web-2"})
    assert Token.objects.get(pk=token.pk).revoked_at is None
    answer = browser.post(end("agent", agent, "revoke"), {"typed": "web-1"})
    assert answer["Location"] == reverse("admin:agents_agent_change", args=[agent.pk])
    agent.refresh_from_db()
    assert (agent.desired, agent.archived_at) == ("revoked", None)
    assert Token.objects.get(pk=token.pk).revoked_at is not None
    text = browser.get(answer["Location"]).content.decode()
    assert end("agent", agent, "revoke") not in text
    assert end("agent", agent) in text


def test_a_pool_stays_until_its_name_is_typed(browser):
    pool = a_pool(name="gpus")
    assert browser.post(end("pool", pool), {"typed": "default"}).status_code == 422
    assert not ended(pool)
    answer = browser.post(end("pool", pool), {"typed": "gpus"})
    assert answer["Location"] == reverse("admin:pools_pool_changelist")
    assert ended(pool)


def test_the_default_pool_is_not_offered_to_go_and_does_not(browser, pool):
    page = browser.get(reverse("admin:pools_pool_change", args=[pool.pk])).content.decode()
    assert end("pool", pool) not in page
    answer = browser.post(end("pool", pool), {"typed": "default"}, follow=True)
    assert "keeps its default pool" in str(*answer.context["messages"])
    assert not ended(pool)


def test_an_ending_that_is_none_is_not_there(browser, agent):
    assert browser.post(end("agent", agent, "burn"), {"typed": "web-1"}).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "auditor", "security_admin"])
def test_who_does_not_look_after_the_fleet_ends_nothing_whatever_they_type(role):
    pool, agent = a_pool(name="gpus"), an_agent("web-1")
    browser = browser_of(a_member("sam", role, project=a_project()))
    # An auditor does not even see machines.
    wanted = 404 if role == "auditor" else 403
    assert browser.post(end("agent", agent), {"typed": "web-1"}).status_code == wanted
    assert browser.post(end("pool", pool), {"typed": "gpus"}).status_code == wanted
    assert not ended(agent)
    assert not ended(pool)


def test_a_thing_of_a_foreign_project_is_not_there_to_be_ended():
    theirs = a_project("theirs")
    pool, agent = a_pool(name="gpus", project=theirs), an_agent("web-1", project=theirs)
    browser = browser_of(a_member("sam", "fleet_admin", "security_admin", project=a_project()))
    for address, name in (
        (end("agent", agent), "web-1"),
        (end("agent", agent, "revoke"), "web-1"),
        (end("pool", pool), "gpus"),
    ):
        assert browser.get(address).status_code == 404
        assert browser.post(address, {"typed": name}).status_code == 404
    assert Agent.objects.get(pk=agent.pk).desired == "active"
    assert not ended(Pool.objects.get(pk=pool.pk))


def question(browser, query=""):
    """Open the question about everything that matches; return what its form sends along."""
    shown = browser.get(f"{CANCEL}?{query}").context
    return {"seen": shown["seen"]}, str(shown["total"])


def test_everything_is_cancelled_once_its_number_was_typed(browser, pool):
    tasks = a_tasks(pool, 3)
    form, number = question(browser)
    for wrong in ("", "2", "4", "all"):
        answer = browser.post(CANCEL, {**form, "typed": wrong})
        assert (answer.status_code, answer.context["total"]) == (422, 3), wrong
    assert {state_of(task) for task in tasks} == {"pending"}
    assert number == "3"
    assert browser.post(CANCEL, {**form, "typed": number}).status_code == 302
    assert {state_of(task) for task in tasks} == {"cancelled"}


def test_a_task_that_came_after_the_question_is_not_ended_by_its_answer(browser, pool):
    seen = a_task(pool)
    form, number = question(browser)
    later = a_task(pool, now=clock.now() + seconds(1))
    browser.post(CANCEL, {**form, "typed": number})
    assert (state_of(seen), state_of(later)) == ("cancelled", "pending")


def test_the_answer_to_another_question_ends_nothing(browser, pool):
    mine, theirs = a_task(pool), a_task(pool, owner=a_user("bob"))
    form, number = question(browser, "owner=bob")
    for fields in ({**form, "typed": number}, {"typed": number}, {"seen": "x", "typed": number}):
        answer = browser.post(CANCEL, fields)
        assert "about another list" in answer.context["problem"]
    assert (state_of(mine), state_of(theirs)) == ("pending", "pending")


def test_all_that_match_beyond_the_ticks_is_a_question_of_its_own(browser, pool):
    tasks = a_tasks(pool, 3)
    listed = reverse("admin:executors_task_changelist") + "?owner=alice"
    fields = {"action": "cancel_selected", "_selected_action": [str(tasks[0].pk)]}
    answer = browser.post(listed, {**fields, "select_across": "1"})
    assert answer["Location"] == f"{CANCEL}?owner=alice"
    assert {state_of(task) for task in tasks} == {"pending"}
    browser.post(listed, {**fields, "select_across": "0"})
    assert [state_of(task) for task in tasks] == ["cancelled", "pending", "pending"]


def test_a_retry_of_everything_needs_no_number(browser, pool):
    a_task(pool, state=TaskState.FAILED)
    address = reverse("admin:tasks_all", args=["retry"])
    answer = browser.post(address, follow=True)
    assert [str(one) for one in answer.context["messages"]] == ["Submitted again: 1"]


@pytest.mark.parametrize("count", [1, 2])
def test_tokens_are_good_until_their_number_or_the_name_of_one_is_typed(browser, count):
    made = [
        tokens.mint(TokenKind.ENROLMENT, Terms(lifetime=None, project=a_project()), now=NOON).token
        for _ in range(count)
    ]
    wanted = made[0].key_id if count == 1 else "2"
    listed = reverse("admin:access_token_changelist")
    form = {"action": "revoke_selected", "_selected_action": [str(one.pk) for one in made]}
    assert browser.post(listed, form).status_code == 200
    refused = browser.post(listed, {**form, "typed": "3"})
    assert (refused.status_code, refused.context["wanted"]) == (422, wanted)
    assert not Token.objects.exclude(revoked_at=None).exists()
    answer = browser.post(listed, {**form, "typed": wanted}, follow=True)
    assert [str(one) for one in answer.context["messages"]] == [f"Revoked: {count}"]
    assert not Token.objects.filter(revoked_at=None).exists()
