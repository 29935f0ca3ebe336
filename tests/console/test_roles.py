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
    a_user,
    an_agent,
    an_attempt,
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


@pytest.fixture
def guests(pool, agent):
    """Return a project that the default pool is shared with, whose tasks wait and run there."""
    project = a_project("guests")
    type(pool).objects.filter(pk=pool.pk).update(shared_with=[str(project.pk)])
    needs = a_requirement(pool, labels={"secret-label": "a"})
    Requirement.objects.filter(pk=needs.pk).update(waiting_code="labels_missing")
    a_task(pool, name="secret-task", project=project, requirement=needs)
    running = a_task(pool, name="secret-task", project=project, owner=a_user("secret-owner"))
    an_attempt(running, agent, state="running", now=NOON)
    return project


OF_GUESTS = ("secret-task", "secret-label", "secret-owner", "labels_missing")


def hosts(*roles):
    return browser_of(a_member("hans", *roles, project=a_project()))


def test_the_page_of_a_shared_pool_tells_nothing_of_the_tasks_of_others(pool, guests):
    own = a_task(pool, name="own-task")
    browser = hosts("viewer")
    answer = browser.get(reverse("admin:pools_pool_change", args=[pool.pk]))
    text = answer.content.decode()
    assert [secret for secret in OF_GUESTS if secret in text] == []
    assert [group["row"].count for group in answer.context["groups"]] == [1]
    assert answer.context["given"] == []
    # The limit of the pool counts every slot: a bare number.
    assert answer.context["held"] == 1
    assert str(own.requirement_id) not in text
    (listed,) = browser.get(reverse("admin:pools_pool_changelist")).context["cl"].result_list
    assert (listed.tasks_waiting, listed.tasks_running) == (1, 0)


def test_who_reads_both_projects_sees_what_waits_from_both(pool, guests):
    a_task(pool, name="own-task")
    a_member("hans", "viewer", project=guests)
    answer = hosts("viewer").get(reverse("admin:pools_pool_change", args=[pool.pk]))
    assert sum(group["row"].count for group in answer.context["groups"]) == 2
    assert "secret-label=a" in answer.content.decode()


def test_the_page_of_an_agent_tells_only_that_a_slot_runs_a_task_of_others(pool, agent, guests):
    browser = hosts("fleet_admin")
    answer = browser.get(reverse("admin:agents_agent_change", args=[agent.pk]))
    text = answer.content.decode()
    assert [secret for secret in OF_GUESTS if secret in text] == []
    assert answer.context["in_use"] == 1
    assert answer.context["tasks"] == []
    asked = page(browser, "agent_ask", agent.pk, "draining")
    assert "It runs 1 task now" in asked
    assert "secret-task" not in asked


def test_the_filter_of_events_offers_the_projects_whose_events_one_reads(db):
    own = a_project("own")
    a_project("secret-project")
    a_member("ada", "viewer", project=a_project("seen"))
    auditor = browser_of(a_member("ada", "auditor", project=own))
    answer = auditor.get(reverse("admin:audit_auditevent_changelist"))
    (offered,) = [
        one.lookup_choices
        for one in answer.context["cl"].filter_specs
        if getattr(one, "parameter_name", "") == "project_id"
    ]
    assert offered == [(str(own.pk), "own")]
    assert "secret-project" not in answer.content.decode()
