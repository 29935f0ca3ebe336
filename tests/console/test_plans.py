"""The page of a task with a plan: what is to be decided, by whom, and what became of it."""

from django.urls import reverse

from executors.models import PlanDecision
from k8s4r import clock
from tests.builders import a_held_plan, a_member, a_project, a_task, a_user, state_of
from tests.console.conftest import browser_of
from tests.console.opening import page


def a_plan(pool, agent, owner="ann"):
    asked = {"sha256": "ef" * 32, "owner": a_user(owner), "name": "rollout"}
    return a_held_plan(pool, agent, now=clock.now(), **asked)


def test_the_page_shows_what_each_phase_runs_and_with_which_variables(browser, pool):
    spec = {
        "plan": {"argv": ["tofu", "plan it"], "env": {"TF_LOG": "warn"}},
        "apply": {"argv": ["tofu", "apply"], "env": {"TF_LOG": "error"}},
    }
    task = a_task(pool, kind="plan_and_apply", phase="plan", driver="exec", spec=spec)
    address = reverse("admin:executors_task_change", args=[task.pk])
    shown = browser.get(address).context
    assert shown["title"] == "$ tofu 'plan it'"
    assert shown["env"] == [("plan env TF_LOG", "warn"), ("apply env TF_LOG", "error")]
    rows = dict(shown["details"])
    assert (rows["plan command"], rows["apply command"]) == ("tofu 'plan it'", "tofu apply")


def decide(browser, plan, word, **said):
    there = reverse("admin:task_decide", args=[plan.task_id])
    asked = {"decision": word, "attempt": str(plan.pk), "comment": "seen", **said}
    return browser.post(there, asked, follow=True)


def test_whoever_may_decide_finds_the_plan_on_the_home_page_and_approves_it(browser, pool, agent):
    plan = a_plan(pool, agent)
    home = browser.get(reverse("admin:index")).content.decode()
    assert "rollout" in home
    assert "somebody else than ann approves or rejects it" in home
    shown = page(browser, "executors_task_change", plan.task_id)
    assert "Its plan waits for a decision" in shown
    assert "ef" * 32 in shown
    assert f'href="/api/v1/attempts/{plan.pk}/artifacts/plan" download' in shown
    text = decide(browser, plan, "approve").content.decode()
    assert "Approved: it is being applied" in text
    assert "olga</b> approved the plan of attempt 1" in text
    assert state_of(plan.task_id) == "dispatching"
    assert PlanDecision.objects.get().comment == "seen"


def test_a_rejection_ends_the_task_and_a_second_decision_is_refused_by_name(browser, pool, agent):
    plan = a_plan(pool, agent)
    assert "Rejected: nothing is applied" in decide(browser, plan, "reject").content.decode()
    assert state_of(plan.task_id) == "cancelled"
    text = decide(browser, plan, "approve").content.decode()
    assert "no plan waits for a decision" in text


def test_ones_own_plan_and_that_of_others_without_the_role_are_only_looked_at(pool, agent):
    plan = a_plan(pool, agent)
    ann = browser_of(a_member("ann", "operator", "approver", project=a_project()))
    oscar = browser_of(a_member("oscar", "operator", project=a_project()))
    for browser in (ann, oscar):
        shown = page(browser, "executors_task_change", plan.task_id)
        assert "Somebody else than ann decides" in shown
        assert 'name="decision"' not in shown
    assert "another person" in decide(ann, plan, "approve").content.decode()
    assert decide(oscar, plan, "approve").status_code == 403
    assert state_of(plan) == "held"


def test_a_task_whose_plan_waits_is_found_by_its_state_and_may_be_cancelled(browser, pool, agent):
    plan = a_plan(pool, agent)
    listed = browser.get(reverse("admin:executors_task_changelist"), {"state": "apply_pending"})
    text = listed.content.decode()
    assert "rollout" in text
    assert "a decision is due" in text
    browser.post(reverse("admin:task_act", args=[plan.task_id, "cancel"]))
    assert state_of(plan.task_id) == "cancelled"
