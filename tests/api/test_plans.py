"""Decisions about plans over REST: who may, what is bound, and what is shown afterwards."""

import pytest

from executors.models import PlanDecision
from k8s4r import clock
from k8s4r.access.models import TokenKind
from tests.api.conftest import Api
from tests.builders import (
    a_held_plan,
    a_member,
    a_pool,
    a_project,
    a_user,
    an_agent,
    state_of,
)
from tests.serving import a_token

DIGEST = "cd" * 32


def api_of(name, *roles):
    user = a_member(name, *roles, project=a_project())
    return Api(a_token(TokenKind.PERSON, user=user))


@pytest.fixture
def plan(db):
    asked = {"sha256": DIGEST, "owner": a_user("ann"), "now": clock.now()}
    return a_held_plan(a_pool(name="default"), an_agent("web-1"), **asked)


@pytest.fixture
def ben(db):
    return api_of("ben", "approver")


@pytest.mark.parametrize(("word", "after"), [("approve", "dispatching"), ("reject", "cancelled")])
def test_a_decision_is_kept_and_shown_with_who_made_it(ben, plan, word, after):
    before = ben.get(f"tasks/{plan.task_id}").json()
    shown = before["plan"]
    assert (shown["attempt_id"], shown["waits"], shown["sha256"]) == (str(plan.pk), True, DIGEST)
    assert shown["size_bytes"] == 5
    assert shown["reserved_until"] > before["submitted_at"]
    body = {"comment": "seen", "attempt": str(plan.pk)}
    answer = ben.post(f"tasks/{plan.task_id}/{word}", body)
    assert (answer.status_code, answer.json()["state"]) == (200, after)
    (said,) = ben.get(f"tasks/{plan.task_id}").json()["decisions"]
    outcome = {"approve": "approved", "reject": "rejected"}[word]
    assert (said["outcome"], said["person"], said["comment"]) == (outcome, "ben", "seen")
    again = ben.post(f"tasks/{plan.task_id}/{word}", body)
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    assert PlanDecision.objects.count() == 1


def test_the_owner_is_told_that_another_person_has_to_decide(plan):
    ann = api_of("ann", "operator", "approver")
    for word in ("approve", "reject"):
        answer = ann.post(f"tasks/{plan.task_id}/{word}", {})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "another person" in answer.json()["detail"]
    assert state_of(plan) == "held"


def test_who_only_submits_may_not_approve(plan):
    answer = api_of("oscar", "operator").post(f"tasks/{plan.task_id}/approve", {})
    assert answer.status_code == 403
    assert "tasks.approve" in answer.json()["detail"]


def test_another_plan_than_the_one_that_was_looked_at_is_a_conflict(ben, plan):
    body = {"attempt": str(plan.task_id)}
    answer = ben.post(f"tasks/{plan.task_id}/reject", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    unknown = ben.post(f"tasks/{plan.task_id}/reject", {"why": "x"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/why")


def test_a_task_that_plans_is_asked_for_and_shown_in_its_first_phase(db):
    a_pool(name="default")
    true = {"argv": ["true"]}
    asked = {"kind": "plan_and_apply", "spec": {"plan": true, "apply": true}}
    answer = api_of("oscar", "operator").post("tasks", {**asked, "reservation_timeout_s": 3600})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["phase"], made["reservation_timeout_s"]) == ("plan", 3600)
    oscar = api_of("oscar", "operator")
    full = oscar.get(f"tasks/{made['id']}").json()
    assert (full["plan"], full["decisions"]) == (None, [])
