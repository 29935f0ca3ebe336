"""approve, reject, describe and wait: plans at the command line, and whom they wait for."""

import json
from uuid import UUID

import pytest

from executors.models import PlanDecision, Task
from k8s4r import clock
from tests.builders import a_held_plan, a_user, an_agent, state_of


@pytest.fixture
def plan(pool, agent):
    spec = {"plan": {"argv": ["plan", "it"]}, "apply": {"argv": ["apply"]}}
    asked = {"name": "rollout", "spec": spec, "owner": a_user("ann")}
    return a_held_plan(pool, agent, now=clock.now(), sha256="ab" * 32, **asked)


def test_a_person_reads_what_waits_and_approves_it(cli, plan):
    said = cli("describe", "task", "rollout")
    assert said.code == 0
    assert "its plan waits until" in said.out
    assert "sha256 " + "ab" * 32 in said.out
    assert f"k8s4r api GET attempts/{plan.pk}/artifacts/plan > FILE\n" in said.out
    assert f"k8s4r approve {plan.task_id}" in said.out
    assert cli("why", "rollout").out.startswith("apply_pending: its plan waits until")
    done = cli("approve", "rollout", "--comment", "as discussed")
    assert (done.code, done.out) == (0, f"task/{plan.task_id} approved, applied on web-1\n")
    assert PlanDecision.objects.get().comment == "as discussed"
    assert "approved by alice" in cli("describe", "task", "rollout").out
    again = cli("approve", "task/rollout")
    assert again.code == 5
    assert "no plan waits for a decision" in again.err


def test_a_rejection_says_so_and_an_agent_is_still_approved_by_its_name(cli, plan):
    done = cli("reject", "rollout")
    assert (done.code, done.out) == (0, f"task/{plan.task_id} rejected\n")
    an_agent("new-1", observed="pending")
    said = cli("approve", "new-1")
    assert (said.code, said.out.split()[0]) == (0, "agent/new-1")


def test_the_beginning_of_an_id_means_the_task_also_when_an_agent_came_in_the_same_minute(
    cli, plan
):
    beginning = str(plan.task_id)[:9]
    # Ids begin with their time: these are of one moment.
    an_agent("new-1", observed="pending", pk=UUID(f"{beginning}0000-7000-8000-000000000000"))
    done = cli("approve", beginning)
    assert (done.code, done.out) == (0, f"task/{plan.task_id} approved, applied on web-1\n")
    assert cli("approve", "agent/new-1").out.split()[0] == "agent/new-1"


def test_a_plan_is_submitted_from_a_file(cli, pool):
    text = json.dumps({"kind": "plan", "spec": {"plan": {"argv": ["plan", "it"]}}})
    said = cli("create", "task", "-f", "-", typed=text)
    assert said.code == 0, said.err
    assert Task.objects.get().kind == "plan"
    text = json.dumps({"kind": "task", "spec": {"argv": ["true"]}})
    assert cli("create", "task", "-f", "-", typed=text).code == 0


def test_waiting_for_a_task_whose_plan_waits_says_for_whom_and_goes_on(cli, plan):
    said = cli("wait", "--timeout", "1", "rollout")
    assert "somebody else than ann" in said.err
    assert said.code == 6
    reached = cli("wait", "--for", "state=apply_pending", "rollout")
    assert reached.code == 0
    assert state_of(plan) == "held"
