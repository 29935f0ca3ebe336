"""What else the pages of the chores do, in the browser: refusals, names typed, forms, keys."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from agents.models import Agent
from executors.core.lifecycle import TaskState
from k8s4r import clock
from k8s4r.access.models import Membership
from pools.models import Pool
from tests.builders import a_member, a_pool, a_project, a_task, a_tasks, a_user, an_agent, state_of
from tests.pages.machines import submitted

TASKS = reverse("admin:executors_task_changelist")


@pytest.fixture
def refusing(console):
    """Return the console of a test in which the server refuses a form.

    The status of the refusal is the one complaint that a browser may have there.
    """
    yield console
    assert console.complaints
    assert all("422" in one or "412" in one for one in console.complaints)
    console.complaints.clear()


def page_of(kind, row):
    return reverse(f"admin:{kind}_change", args=[row.pk])


def test_what_cannot_be_submitted_is_marked_where_it_stands(refusing, shown):
    task = shown.tasks["build 1041"]
    page = refusing.open(reverse("admin:task_again", args=[task.pk]))
    page.fill("[name=priority]", "a lot")
    page.click("text=Submit")
    expect(page.locator("#about-priority")).to_contain_text("has to be a whole number")
    expect(page.locator("[name=priority]")).to_have_value("a lot")


def test_ticked_tasks_are_named_in_the_question_and_refusals_afterwards(console, shown):
    dora = a_user("dora")
    pool = shown.pools["robots"]
    a_task(pool, now=clock.now(), owner=dora)
    ended = a_task(pool, now=clock.now(), owner=dora, state=TaskState.COMPLETED)
    page = console.open(f"{TASKS}?owner=dora")
    for box in page.locator("input.action-select").all():
        box.check()
    page.select_option("select[name=action]", "cancel_selected")
    page.click("button[name=index]")
    expect(page.locator("dialog")).to_contain_text("Cancel selected tasks: 2. Go on?")
    page.locator("dialog").get_by_role("button", name="Cancel selected tasks").click()
    expect(page.get_by_text("Cancelled: 1")).to_be_visible()
    expect(page.get_by_text(f"task {ended.pk}:")).to_be_visible()


def test_a_task_that_has_not_started_shows_its_log_once_it_does(console, person, machine):
    path, _task = submitted(person, "echo", "here", required_labels={"bench": "yes"})
    page = console.open(path)
    expect(page.locator("[data-log-empty]")).to_contain_text("Not started")
    agent = Agent.objects.get(name=machine)
    answer = person.patch(f"/api/v1/agents/{agent.pk}", json={"labels": {"bench": "yes"}})
    assert answer.status_code == 200, answer.text
    expect(page.locator("[data-log-lines]")).to_contain_text("here")


def test_a_wrong_number_cancels_nothing_and_says_which_is_right(refusing, shown):
    frank = a_user("frank")
    tasks = a_tasks(shown.pools["robots"], 3, now=clock.now(), owner=frank)
    page = refusing.open(f"{TASKS}?owner=frank")
    page.click("text=Cancel all that match")
    page.locator("dialog").get_by_label("Type 3 to go on").fill("30")
    page.locator("dialog").get_by_role("button", name="Cancel 3 tasks").click()
    expect(page.get_by_role("alert")).to_have_text("Nothing was done: type 3, not 30.")
    assert {state_of(task) for task in tasks} == {"pending"}
    page.get_by_label("Type 3 to go on").fill("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Cancelled: 3")).to_be_visible()


def test_a_machine_is_deleted_with_keys_alone_and_only_by_its_name(refusing):
    agent = an_agent("to-delete")
    page = refusing.open(page_of("agents_agent", agent))
    page.get_by_role("link", name="Delete").focus()
    page.keyboard.press("Enter")
    typed = page.locator("dialog").get_by_label("Type to-delete to go on")
    expect(typed).to_be_focused()
    page.keyboard.type("to-delet")
    page.keyboard.press("Enter")
    wrong = "Nothing was done: type to-delete, not to-delet."
    expect(page.get_by_role("alert")).to_have_text(wrong)
    expect(page.get_by_label("Type to-delete to go on")).to_be_focused()
    page.keyboard.type("to-delete")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Deleted: to-delete")).to_be_visible()
    assert Agent.objects.get(pk=agent.pk).archived_at is not None


def test_escape_leaves_everything_as_it_was(console):
    agent = an_agent("to-keep")
    page = console.open(page_of("agents_agent", agent))
    page.get_by_role("link", name="Revoke").click()
    expect(page.locator("dialog")).to_contain_text("Revoke agent to-keep?")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert Agent.objects.get(pk=agent.pk).desired == "active"


def test_a_role_is_changed_and_taken_after_one_question(console):
    club = a_project("club")
    a_member("gina", "viewer", project=club)

    def roles():
        rows = Membership.objects.filter(user__username="gina", project=club)
        return list(rows.values_list("role", flat=True))

    page = console.open(page_of("access_project", club))
    page.get_by_label("What gina is to be").select_option("operator")
    page.get_by_role("button", name="Make gina only that").click()
    expect(page.get_by_text("gina is now operator in club")).to_be_visible()
    assert roles() == ["operator"]
    page.get_by_role("button", name="Remove gina").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Take every role in club from gina?")
    dialog.get_by_role("button", name="No, leave it").click()
    assert roles() == ["operator"]
    page.get_by_role("button", name="Remove gina").click()
    dialog.get_by_role("button", name="Remove gina").click()
    expect(page.get_by_text("gina is no longer anything in club")).to_be_visible()
    assert roles() == []


def test_a_window_a_pause_and_a_weight_are_filled_in(console):
    guests = a_project("guests")
    pool = a_pool(name="nights")
    page = console.open(page_of("pools_pool", pool))
    page.get_by_role("link", name="Pause, windows, sharing").click()
    window = page.get_by_role("group", name="Another window").first
    window.get_by_label("from").fill("22:00")
    window.get_by_label("to").fill("04:00")
    window.get_by_label("mon").check()
    window.get_by_label("timezone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save the windows").click()
    expect(page.get_by_text("1 maintenance window")).to_be_visible()
    page.get_by_role("link", name="Pause, windows, sharing").click()
    page.get_by_label("guests may queue here").check()
    page.get_by_label("Weight of guests here").fill("0.25")
    page.get_by_role("button", name="Save the sharing").click()
    expect(page.get_by_text("shared with 1 project")).to_be_visible()
    page.get_by_role("link", name="Pause, windows, sharing").click()
    page.get_by_label("It is paused").check()
    page.get_by_label("why").fill("disk swap")
    page.get_by_role("button", name="Save the pause").click()
    expect(page.get_by_text("Paused: disk swap")).to_be_visible()
    row = Pool.objects.get(pk=pool.pk)
    assert (row.windows[0]["days"], row.weights) == (["mon"], {str(guests.pk): 0.25})
    assert (row.paused, row.paused_by, row.paused_until) == (True, "olga", None)


def test_filters_get_a_name_are_a_link_and_go_again(console):
    page = console.open(f"{TASKS}?state=trouble&owner=bob")
    page.get_by_label("Name of these filters").fill("bob in trouble")
    page.keyboard.press("Enter")
    saved = page.get_by_role("navigation", name="Saved filters")
    expect(saved.get_by_role("link", name="bob in trouble")).to_have_attribute(
        "aria-current", "true"
    )
    page = console.open(TASKS)
    saved.get_by_role("link", name="bob in trouble").click()
    page.wait_for_url("**?state=trouble&owner=bob")
    page.get_by_text("Delete saved filters").click()
    page.get_by_role("button", name="Delete the saved filter bob in trouble").click()
    expect(page.get_by_text("Deleted the saved filter bob in trouble")).to_be_visible()
    expect(saved.get_by_role("link")).to_have_count(0)
