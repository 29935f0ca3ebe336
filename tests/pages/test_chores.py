"""What people do all day, in the browser, in the steps that it should take."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from agents.models import Agent
from executors.core.lifecycle import TaskState
from executors.models import Task
from k8s4r import clock
from k8s4r.access.models import Token, TokenKind
from tests.builders import (
    a_requirement,
    a_running_attempt,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    session_of,
)
from tests.pages import machines, showcase
from tests.pages.machines import LIVE_POOL
from tests.serving import AgentSide, a_persons_token, a_token, an_agents_token
from tests.waiting import wait_until

PASTE = (
    "(umask 077; printf %s {token} > enrolment) &&"
    " k8s4r-agent start --url {url} --enrolment-token-file enrolment"
)


@pytest.fixture(scope="module")
def machine(shown, site, tmp_path_factory):
    """Run a real agent in a pool of its own, and return its name."""
    pool = shown.pools[LIVE_POOL]
    token = a_token(TokenKind.ENROLMENT, project=shown.project, pool_id=pool.pk)
    line = PASTE.format(token=token, url=site.url)
    with machines.pasted(line, tmp_path_factory.mktemp("machine"), name="lab-1"):
        wait_until(lambda: Agent.objects.filter(name="lab-1", observed="online").exists())
        yield "lab-1"


@pytest.fixture
def person(site):
    """Return a client of the REST API."""
    with site.client(a_persons_token("alice")) as client:
        yield client


def submitted(person, *argv, **fields):
    """Submit a command and return the address of its page and of the task."""
    body = {"spec": {"argv": list(argv)}, "pool": LIVE_POOL, **fields}
    answer = person.post("/api/v1/tasks", json=body)
    assert answer.status_code == 201, answer.text
    task_id = answer.json()["id"]
    return reverse("admin:executors_task_change", args=[task_id]), f"/api/v1/tasks/{task_id}"


def test_2_another_machine_joins_by_one_pasted_line_and_the_page_turns_green(console, tmp_path):
    page = console.open(reverse("admin:agent_add"))
    page.select_option("#pool", label="default / guests")
    page.click("text=Make the line")
    line = page.locator(".k-line-to-paste code").inner_text()
    expect(page.locator("#arrival")).to_contain_text("Waiting for it to arrive")
    with machines.pasted(line, tmp_path / "lab-2", name="lab-2"):
        expect(page.locator("#arrival.k-box-good")).to_contain_text("lab-2 is here")
    page.click("text=Open its page")
    expect(page.locator(".k-h1")).to_contain_text("lab-2")


def test_3_the_page_says_from_the_start_why_a_task_waits_and_what_helps(console, shown):
    needs = a_requirement(shown.pools["robots"], labels={"arm": "left"}, driver="exec")
    task = a_task(shown.pools["robots"], now=clock.now(), requirement=needs, name="grip")
    box = console.open(reverse("admin:executors_task_change", args=[task.pk])).locator("#waiting")
    expect(box).to_contain_text("Why it waits: paused")
    expect(box.locator("tbody tr", has_text="build-1")).to_contain_text("labels.arm")
    expect(box.get_by_role("link", name="Open pool robots")).to_be_visible()
    expect(box).to_contain_text(f"k8s4r why {task.pk}")


def test_4_a_task_runs_again_with_one_thing_changed_in_two_steps(console, shown):
    ended = shown.tasks["build 1042"]
    page = console.open(reverse("admin:executors_task_change", args=[ended.pk]))
    page.click("text=Run again with changes")
    page.fill("[name=env]", "TF_LOG=debug")
    expect(page.locator("[data-changes]")).to_have_text("Changed: env.")
    expect(page.locator("[data-was-of=env]")).to_have_text("changed; before: TF_LOG=info")
    page.click("text=Submit")
    expect(page.get_by_text("Submitted again as build 1042")).to_be_visible()
    expect(page.get_by_role("link", name="build 1042", exact=True)).to_be_visible()
    child = Task.objects.get(parent=ended)
    assert child.spec == {"argv": ["terraform", "plan", "-var", "size=large"],
                          "env": {"TF_LOG": "debug"}}  # fmt: skip


def test_4_what_cannot_be_submitted_is_marked_where_it_stands(console, shown):
    task = shown.tasks["build 1041"]
    page = console.open(reverse("admin:task_again", args=[task.pk]))
    page.fill("[name=priority]", "a lot")
    page.click("text=Submit")
    expect(page.locator("#about-priority")).to_contain_text("has to be a whole number")
    expect(page.locator("[name=priority]")).to_have_value("a lot")
    # The status of the refusal is the one complaint that a browser may have here.
    assert all("422" in complaint for complaint in console.complaints)
    console.complaints.clear()


def test_5_everything_of_one_person_is_cancelled_from_the_list_after_one_question(console, shown):
    carol = a_user("carol")
    tasks = a_tasks(shown.pools["robots"], 70, now=clock.now(), owner=carol)
    listed = reverse("admin:executors_task_changelist")
    page = console.open(f"{listed}?owner=carol")
    page.click("text=Cancel all that match")
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Cancel 70 tasks?")
    dialog.get_by_role("button", name="Cancel 70 tasks").click()
    expect(page.get_by_text("Cancelled: 70")).to_be_visible()
    assert page.url.endswith("?owner=carol")
    states = Task.objects.filter(pk__in=[task.pk for task in tasks]).values_list("state", flat=True)
    assert set(states) == {"cancelled"}


def test_5_ticked_tasks_are_named_in_the_question_and_refusals_afterwards(console, shown):
    dora = a_user("dora")
    pool = shown.pools["robots"]
    a_task(pool, now=clock.now(), owner=dora)
    ended = a_task(pool, now=clock.now(), owner=dora, state=TaskState.COMPLETED)
    page = console.open(f"{reverse('admin:executors_task_changelist')}?owner=dora")
    for box in page.locator("input.action-select").all():
        box.check()
    page.select_option("select[name=action]", "cancel_selected")
    page.click("button[name=index]")
    expect(page.locator("dialog")).to_contain_text("Cancel selected tasks: 2. Go on?")
    page.locator("dialog").get_by_role("button", name="Cancel selected tasks").click()
    expect(page.get_by_text("Cancelled: 1")).to_be_visible()
    expect(page.get_by_text(f"task {ended.pk}:")).to_be_visible()


def test_6_a_machine_is_drained_after_a_look_at_what_it_runs(console, shown):
    agent = an_agent("to-drain", now=clock.now() + showcase.HEARD_AHEAD)
    a_running_attempt(shown.default, agent, now=clock.now(), name="long copy")
    page = console.open(reverse("admin:agents_agent_change", args=[agent.pk]))
    page.get_by_role("link", name="Drain").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("It runs 1 task now: long copy")
    dialog.get_by_label("Why, for the others").fill("disk swap")
    dialog.get_by_role("button", name="Drain").click()
    expect(page.locator(".k-h1")).to_contain_text("draining")
    expect(page.get_by_text("draining: disk swap (olga)")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_8_a_token_is_rotated_without_a_stop_and_the_old_one_dies_by_itself(console, site):
    agent = an_agent("to-rotate", now=clock.now() + showcase.HEARD_AHEAD)
    old = an_agents_token(agent)
    page = console.open(reverse("admin:agents_agent_change", args=[agent.pk]))
    page.get_by_role("link", name="Rotate token").click()
    page.locator("dialog").get_by_role("button", name="Let the agent fetch it").click()
    on_its_way = page.get_by_text("A new token is on its way")
    expect(on_its_way).to_be_visible()
    session = session_of(agent).pk
    with site.client(old) as client:
        fetched = AgentSide(client, agent.pk, session_id=session).beat().token
    with site.client(fetched) as client:
        AgentSide(client, agent.pk, session_id=session).beat()
    expect(on_its_way).to_be_hidden()
    assert Token.objects.filter(subject=agent.pk, revoked_at=None).count() == 1


def test_10_a_log_is_followed_while_it_is_written_found_in_and_downloaded(
    console, machine, person, tmp_path
):
    gate = tmp_path / "gate"
    script = f"echo first; until [ -e {gate} ]; do sleep 0.05; done; echo second; echo bad >&2"
    path, task = submitted(person, "sh", "-c", script)
    page = console.open(path)
    lines = page.locator("[data-log-lines]")
    expect(lines).to_contain_text("first")
    page.evaluate("window.isTheSamePage = true")
    gate.touch()
    expect(lines.locator(".k-err")).to_contain_text("bad")
    expect(lines).to_contain_text("second")
    expect(page.locator(".k-h1")).to_contain_text("completed")
    assert page.evaluate("window.isTheSamePage")
    page.fill("[data-log-search]", "SECO")
    expect(page.locator("[data-log-count]")).to_have_text("1 of 3 lines match")
    expect(lines.locator(".k-line:visible")).to_have_count(1)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert Path(started.value.path()).read_bytes() == person.get(f"{task}/logs").content
    assert person.get(f"{task}/logs").text.split() == ["first", "second", "bad"]


def test_10_a_task_that_has_not_started_shows_its_log_once_it_does(console, person, machine):
    path, _task = submitted(person, "echo", "here", required_labels={"bench": "yes"})
    page = console.open(path)
    expect(page.locator("[data-log-empty]")).to_contain_text("Not started")
    agent = Agent.objects.get(name=machine)
    answer = person.patch(f"/api/v1/agents/{agent.pk}", json={"labels": {"bench": "yes"}})
    assert answer.status_code == 200, answer.text
    expect(page.locator("[data-log-lines]")).to_contain_text("here")
