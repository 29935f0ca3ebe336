"""What people do all day, in the browser, in the steps that it should take.

One test for each chore that has a page, by its number in docs/chores.md; `steps` says what counts.
What else these pages do is in `test_chore_details`.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from agents.models import Agent, Session
from executors.models import Task
from executors.services import scaling
from k8s4r import clock
from k8s4r.access.models import Token
from k8s4r.embedded import first_run
from pools.models import Pool
from tests.builders import (
    a_k8s_config,
    a_pod_pool,
    a_pool,
    a_project,
    a_requirement,
    a_running_attempt,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    session_of,
)
from tests.pages import machines, showcase
from tests.pages.looking import PASSWORD, signed_in
from tests.pages.machines import submitted
from tests.pages.steps import counted
from tests.serving import AgentSide, an_agents_token

TASKS = reverse("admin:executors_task_changelist")


def page_of(kind, row):
    return reverse(f"admin:{kind}_change", args=[row.pk])


def test_1_the_first_task_is_on_its_page_with_its_output(console, machine, person):
    path, _task = submitted(person, *first_run.TASK["spec"]["argv"], name="hello")
    with counted(console.page, 1):
        page = console.open(path)
        expect(page.locator("[data-log-lines]")).to_contain_text("Hello from k8s4r")
        expect(page.locator(".k-h1")).to_contain_text("completed")


def test_2_another_machine_joins_by_one_pasted_line_and_the_page_turns_green(console, tmp_path):
    page = console.open(reverse("admin:agents_agent_changelist"))
    with counted(page, 1):
        page.get_by_role("link", name="Add an agent").click()
        dialog = page.locator("dialog")
        dialog.locator("#pool").select_option(label="default / guests")
        dialog.get_by_role("button", name="Make the line").click()
        line = page.locator(".k-line-to-paste code").inner_text()
        expect(page.locator("#arrival")).to_contain_text("Waiting for it to arrive")
        with machines.pasted(line, tmp_path / "lab-2", name="lab-2"):
            expect(page.locator("#arrival.k-box-good")).to_contain_text("lab-2 is here")
    page.click("text=Open its page")
    expect(page.locator(".k-h1")).to_contain_text("lab-2")


def test_3_the_page_says_from_the_start_why_a_task_waits_and_what_helps(console, shown):
    needs = a_requirement(shown.pools["robots"], labels={"arm": "left"}, driver="exec")
    task = a_task(shown.pools["robots"], now=clock.now(), requirement=needs, name="grip")
    with counted(console.page, 1):
        box = console.open(page_of("executors_task", task)).locator("#waiting")
        expect(box).to_contain_text("Why it waits: paused")
        expect(box.locator("tbody tr", has_text="build-1")).to_contain_text("labels.arm")
        expect(box.get_by_role("link", name="Open pool robots")).to_be_visible()
        expect(box).to_contain_text(f"k8s4r why {task.pk}")


def test_4_a_task_runs_again_with_one_thing_changed_in_two_steps(console, shown):
    ended = shown.tasks["build 1042"]
    page = console.open(page_of("executors_task", ended))
    with counted(page, 2):
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


def test_5_everything_of_one_person_is_cancelled_from_the_list_after_one_question(console, shown):
    carol = a_user("carol")
    tasks = a_tasks(shown.pools["robots"], 70, now=clock.now(), owner=carol)
    page = console.open(f"{TASKS}?owner=carol")
    with counted(page, 1):
        page.click("text=Cancel all that match")
        dialog = page.locator("dialog")
        expect(dialog).to_contain_text("Cancel 70 tasks?")
        dialog.get_by_label("Type 70 to go on").fill("70")
        dialog.get_by_role("button", name="Cancel 70 tasks").click()
        expect(page.get_by_text("Cancelled: 70")).to_be_visible()
    assert page.url.endswith("?owner=carol")
    states = Task.objects.filter(pk__in=[task.pk for task in tasks]).values_list("state", flat=True)
    assert set(states) == {"cancelled"}


def test_6_a_machine_is_drained_after_a_look_at_what_it_runs(console, shown):
    agent = an_agent("to-drain", now=clock.now() + showcase.HEARD_AHEAD)
    a_running_attempt(shown.default, agent, now=clock.now(), name="long copy")
    page = console.open(page_of("agents_agent", agent))
    with counted(page, 1):
        page.get_by_role("link", name="Drain").click()
        dialog = page.locator("dialog")
        expect(dialog).to_contain_text("It runs 1 task now: long copy")
        dialog.get_by_label("Why, for the others").fill("disk swap")
        dialog.get_by_role("button", name="Drain").click()
        expect(page.locator(".k-h1")).to_contain_text("draining")
        expect(page.get_by_text("draining: disk swap (olga)")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


@pytest.fixture
def night(shown):
    """Return a machine whose runner was away in between and which failed to do something."""
    now = clock.now()
    began = now - timedelta(hours=2)
    agent = an_agent(f"night-shift-{Agent.objects.count()}", now=now)
    attempt = a_running_attempt(shown.default, agent, now=began, name="copy the archive")
    ended = {"ended_at": began + timedelta(minutes=20), "exit_code": 28, "reason": "exit_code"}
    type(attempt).objects.filter(pk=attempt.pk).update(state="failed", **ended)
    Session.objects.filter(agent=agent).update(opened_at=began, ended_at=ended["ended_at"])
    Session.objects.create(
        id=clock.new_id(), agent=agent, slots=1, opened_at=began + timedelta(minutes=25),
        last_heartbeat_at=now, version="0.2.0",
    )  # fmt: skip
    Agent.objects.filter(pk=agent.pk).update(observed="error", observed_reason="disk full")
    Agent.objects.filter(pk=agent.pk).update(desired="draining")
    return agent


def test_7_what_a_machine_did_since_yesterday_is_one_line_of_time_on_its_page(console, night):
    with counted(console.page, 1):
        past = console.open(page_of("agents_agent", night)).locator("#past")
        for said in (
            "ended task copy the archive (attempt 1): failed, exit code 28",
            "got task copy the archive (attempt 1)",
            "its session ended",
            "connected with 1 slot, version 0.2.0",
            "disk full",
        ):
            expect(past.locator(".k-past-line", has_text=said)).to_be_visible()
        expect(past.locator(".k-chip", has_text="draining")).to_be_visible()
        times = past.locator(".k-past-line time").evaluate_all("all => all.map(e => e.dateTime)")
        assert times == sorted(times, reverse=True)


def test_7_from_when_to_when_stands_in_the_address(console, night):
    page = console.open(f"{page_of('agents_agent', night)}?since=2h")
    expect(page.locator("#past [aria-current]")).to_have_text("last 2 hours")
    page.get_by_role("link", name="choose from when to when").click()
    page.get_by_label("since", exact=True).fill("3h")
    page.get_by_label("until").fill((clock.now() - timedelta(minutes=110)).isoformat())
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/history/?since=3h&until=*")
    expect(page.locator(".k-past-line", has_text="got task copy")).to_be_visible()
    expect(page.locator(".k-past-line", has_text="ended task copy")).to_have_count(0)
    expect(page.get_by_text(f"k8s4r history agent/{night.name} --since 3h")).to_be_visible()


def test_8_a_token_is_rotated_without_a_stop_and_the_old_one_dies_by_itself(console, site):
    agent = an_agent("to-rotate", now=clock.now() + showcase.HEARD_AHEAD)
    old = an_agents_token(agent)
    page = console.open(page_of("agents_agent", agent))
    on_its_way = page.get_by_text("A new token is on its way")
    with counted(page, 1):
        page.get_by_role("link", name="Rotate token").click()
        page.locator("dialog").get_by_role("button", name="Let the agent fetch it").click()
        expect(on_its_way).to_be_visible()
        session = session_of(agent).pk
        with site.client(old) as client:
            fetched = AgentSide(client, agent.pk, session_id=session).beat().token
        with site.client(fetched) as client:
            AgentSide(client, agent.pk, session_id=session).beat()
        expect(on_its_way).to_be_hidden()
    assert Token.objects.filter(subject=agent.pk, revoked_at=None).count() == 1


def test_9_a_colleague_reads_one_project_after_one_form_and_nothing_else(console, chromium):
    rockets = a_project("rockets")
    a_task(a_pool(name="rockets", project=rockets), name="count down", now=clock.now())
    erin = a_user("erin", is_staff=True)
    erin.set_password(PASSWORD)
    erin.save()
    page = console.open(page_of("access_project", rockets))
    with counted(page, 1):
        page.get_by_label("Share with").fill("erin")
        page.get_by_label("as", exact=True).select_option("viewer")
        page.get_by_role("button", name="Share", exact=True).click()
        expect(page.get_by_text("erin is now viewer in rockets")).to_be_visible()
    expect(page.locator("#past")).to_contain_text("olga gave erin the role viewer (web)")
    with signed_in(chromium, console.url, "erin") as hers:
        seen = hers.open(TASKS)
        expect(seen.locator("#result_list tbody tr")).to_have_count(1)
        expect(seen.locator("#result_list")).to_contain_text("count down")
        seen = hers.open(reverse("admin:access_project_changelist"))
        expect(seen.locator("#result_list tbody tr")).to_have_count(1)
        seen = hers.open(reverse("admin:agents_agent_changelist"))
        expect(seen.locator("#result_list tbody tr")).to_have_count(0)
        seen = hers.open(page_of("access_project", rockets))
        expect(seen.get_by_text("sharing it is for security_admin")).to_be_visible()
        expect(seen.get_by_role("button", name="Share", exact=True)).to_have_count(0)
        assert hers.complaints == []
        hers.leave()


def test_10_a_log_is_followed_while_it_is_written_found_in_and_downloaded(
    console, machine, person, tmp_path
):
    gate = tmp_path / "gate"
    script = f"echo first; until [ -e {gate} ]; do sleep 0.05; done; echo second; echo bad >&2"
    path, task = submitted(person, "sh", "-c", script)
    with counted(console.page, 1):
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


def test_11_a_pool_of_pods_says_why_it_has_its_size_and_its_map_follows(console, shown):
    project = a_project("lab")
    pool = a_pod_pool(name="grows", project=project, k8s_config=a_k8s_config(project=project))
    scaling.look(pool.pk, now=clock.now(), aging_weight_s=60)
    with counted(console.page, 1):
        page = console.open(page_of("pools_pool", pool))
        expect(page.locator("#size")).to_contain_text("0 of 0 pods serve")
        expect(page.locator("#map")).to_contain_text("the first one comes with the first task")
    a_task(pool, now=clock.now(), name="plan dunes", kind="plan")
    scaling.look(pool.pk, now=clock.now(), aging_weight_s=60)
    expect(page.locator("#size")).to_contain_text("scale_out")
    expect(page.locator("#map tbody tr")).to_have_count(1)
    expect(page.locator("#map .k-slot").first).to_contain_text("not ready")
    expect(page.locator("#size svg").last).to_have_accessible_name(
        "Pods in the last hour: now 0 ready and 1 desired; at most 1"
    )


def test_12_who_changed_a_setting_and_its_old_value_are_on_the_page_and_come_back(console):
    pool = a_pool(name="steered", max_concurrent=5)
    page = console.open(page_of("pools_pool", pool))
    page.fill("[name=max_concurrent]", "50")
    page.get_by_role("button", name="Save", exact=True).click()
    with counted(page, 1):
        page = console.open(page_of("pools_pool", pool))
        line = page.locator("#past .k-past-line").first
        expect(line).to_contain_text("olga changed max_concurrent 5 -> 50 (web)")
    with counted(page, 1):
        line.get_by_role("link", name="Put back").click()
        dialog = page.locator("dialog")
        expect(dialog.locator("del")).to_have_text("50")
        expect(dialog.locator("ins")).to_have_text("5")
        dialog.get_by_role("button", name="Put it back").click()
        expect(page.get_by_text("Put back: max_concurrent 50 -> 5")).to_be_visible()
    expect(page.locator("#past .k-past-line").first).to_contain_text("max_concurrent 50 -> 5 (web)")
    assert Pool.objects.get(pk=pool.pk).max_concurrent == 5
