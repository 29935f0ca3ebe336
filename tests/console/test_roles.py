"""A person sees and does on the pages what their roles allow in each project, and nothing else."""

import pytest
from django.urls import reverse

from executors.core.lifecycle import TaskState
from executors.models import Requirement
from k8s4r.access.models import Token, TokenKind
from tests.builders import (
    NOON,
    a_member,
    a_pool,
    a_project,
    a_requirement,
    a_task,
    an_agent,
    state_of,
)
from tests.console.conftest import browser_of
from tests.console.opening import page

SECRETS = ("secret-task", "secret-agent", "secret-pool", "labels_missing")


@pytest.fixture
def theirs(db):
    """Return what another project has, all of which needs a person."""
    project = a_project("theirs")
    pool = a_pool(name="secret-pool", project=project)
    needs = a_requirement(pool, labels={"gpu": "a"})
    Requirement.objects.filter(pk=needs.pk).update(waiting_code="labels_missing")
    agent = an_agent("secret-agent", project=project, observed="error", observed_reason="broken")
    a_task(pool, name="secret-task", state=TaskState.UNKNOWN, agent=agent)
    a_task(pool, name="secret-task", state=TaskState.FAILED, ended_at=NOON)
    return {"pool": pool, "agent": agent, "task": a_task(pool, name="secret-task",
                                                        requirement=needs)}  # fmt: skip


@pytest.fixture
def stranger(theirs):
    """Return the browser of somebody who does everything, in another project."""
    roles = ("operator", "fleet_admin", "approver", "security_admin")
    return browser_of(a_member("sam", *roles, project=a_project()))


@pytest.mark.parametrize(
    "name",
    ["index", "executors_task_changelist", "agents_agent_changelist", "pools_pool_changelist",
     "agent_add"],
)  # fmt: skip
def test_nothing_of_a_foreign_project_stands_on_a_page(stranger, name):
    text = page(stranger, name)
    assert [secret for secret in SECRETS if secret in text] == []


def test_the_figures_of_the_overview_leave_foreign_projects_out(stranger, theirs):
    shown = stranger.get(reverse("admin:index")).context
    assert (shown["waiting"], shown["slots"].total, shown["needs"]) == (0, 0, [])
    assert (shown["tasks"], shown["agents"], shown["failures"]) == ([], [], [])


def test_a_foreign_page_is_not_there(stranger, theirs):
    for name, row in (
        ("executors_task", "task"),
        ("agents_agent", "agent"),
        ("pools_pool", "pool"),
    ):
        answer = stranger.get(reverse(f"admin:{name}_change", args=[theirs[row].pk]))
        assert (answer.status_code, answer["Location"]) == (302, "/admin/"), name


@pytest.mark.parametrize(
    ("name", "row", "further"),
    [("task_act", "task", ["cancel"]), ("task_resolve", "task", []), ("task_again", "task", []),
     ("agent_steer", "agent", []), ("agent_rotate", "agent", [])],
)  # fmt: skip
def test_a_foreign_thing_cannot_be_acted_on(stranger, theirs, name, row, further):
    address = reverse(f"admin:{name}", args=[theirs[row].pk, *further])
    assert stranger.post(address, {"ask": "paused", "how": "show"}).status_code == 404
    theirs["agent"].refresh_from_db()
    assert (state_of(theirs["task"]), theirs["agent"].desired) == ("pending", "active")


def test_all_that_match_are_never_those_of_a_foreign_project(stranger, theirs):
    stranger.post(reverse("admin:tasks_all", args=["cancel"]))
    assert state_of(theirs["task"]) == "pending"


def test_no_line_lets_a_machine_into_a_foreign_pool(stranger, theirs):
    answer = stranger.post(reverse("admin:agent_add"), {"pool": str(theirs["pool"].pk)})
    assert answer.status_code == 404
    assert not Token.objects.filter(kind=TokenKind.ENROLMENT).exists()


def test_a_task_that_one_may_only_look_at_is_refused_by_name(db):
    both = a_member("bea", "operator", project=a_project())
    a_member("bea", "viewer", project=a_project("other"))
    own = a_task(a_pool())
    seen = a_task(a_pool(project=a_project("other")))
    answer = browser_of(both).post(
        reverse("admin:executors_task_changelist"),
        {"action": "cancel_selected", "_selected_action": [str(own.pk), str(seen.pk)]},
        follow=True,
    )
    said = [str(message) for message in answer.context["messages"]]
    assert said[0] == "Cancelled: 1"
    assert said[1].startswith(f"task {seen.pk}: this needs tasks.write")
    assert (state_of(own), state_of(seen)) == ("cancelled", "pending")


def test_who_may_only_look_cannot_change_a_pool(visitor, pool):
    address = reverse("admin:pools_pool_change", args=[pool.pk])
    assert visitor.get(address).status_code == 200
    assert visitor.post(address, {"strategy": "random", "paused": "on"}).status_code == 403
    pool.refresh_from_db()
    assert (pool.strategy, pool.paused) == ("least_busy", False)


def test_who_has_no_role_is_offered_no_work(db):
    nobody = browser_of(a_member("nina"))
    places = str(nobody.get(reverse("admin:index")).context["sidebar_navigation"])
    assert "Overview" in places
    assert "Tasks" not in places
    for name in ("executors_task", "agents_agent", "pools_pool"):
        assert nobody.get(reverse(f"admin:{name}_changelist")).status_code == 403
