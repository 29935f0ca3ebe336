"""What every page does: keys, pause, copies, refusals; and what a visitor is not offered."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from k8s4r import clock
from tests.builders import a_requirement, a_task, state_of
from tests.pages import showcase
from tests.pages.looking import Console

TASKS = "/admin/executors/task/"
REACHED = "document.activeElement.innerText.trim() || document.activeElement.ariaLabel"


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ("gt", TASKS),
        ("ga", "/admin/agents/agent/"),
        ("gp", "/admin/pools/pool/"),
        ("gh", "/admin/"),
    ],
)
def test_two_keys_lead_to_a_page(console, keys, path):
    page = console.open("/admin/access/project/")
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_url(console.url + path)


def test_a_slash_leads_to_the_filter_and_a_question_mark_to_help(console):
    page = console.open(TASKS)
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("filter the list")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    page.keyboard.type("gt?")
    expect(page.locator("#searchbar")).to_have_value("gt?")


def test_the_palette_finds_a_task_by_its_name(console):
    page = console.open("/admin/")
    page.keyboard.press("Control+k")
    expect(page.locator("#search-input-command")).to_be_focused()
    page.keyboard.type("train")
    expect(page.locator("#command-results")).to_contain_text("train-model")


def test_the_overview_follows_what_happens_until_it_is_paused(console, shown):
    page = console.open("/admin/")
    tile = page.locator(".k-tile b").first
    before = int(tile.inner_text())
    needs = a_requirement(shown.pools["robots"], labels={"lens": "wide"})
    a_task(shown.pools["robots"], now=clock.now(), requirement=needs)
    expect(tile).to_have_text(str(before + 1))
    page.click("[data-pause]")
    expect(page.locator("[data-pause]")).to_have_attribute("aria-pressed", "true")
    asked = page.evaluate(
        """() => {
          let asked = 0;
          document.addEventListener("htmx:beforeRequest", () => { asked += 1; });
          for (let i = 0; i < 10; i += 1) look();
          return asked;
        }"""
    )
    assert asked == 0
    page.click("[data-pause]")
    expect(page.locator("[data-pause]")).to_have_attribute("aria-pressed", "false")


def test_a_list_that_was_asked_for_anew_still_has_its_actions(console):
    page = console.open(TASKS)
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.evaluate("htmx.trigger(document.querySelector('[data-live]'), 'k-look')")
    page.wait_for_function("document.querySelector('input.action-select').ariaLabel")
    page.locator("input.action-select").first.check()
    expect(page.locator("select[name=action]")).to_be_visible()


def test_an_end_is_asked_about_before_it_happens(console, shown):
    needs = a_requirement(shown.pools["robots"], labels={"lens": "wide"})
    task = a_task(shown.pools["robots"], now=clock.now(), requirement=needs, name="doomed")
    page = console.open(reverse("admin:executors_task_change", args=[task.pk]))
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog", name="Cancel doomed? What runs is told to stop.")
    expect(dialog.get_by_role("button", name="No, leave it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert state_of(task) == "pending"
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog.get_by_role("button", name="Cancel it").click()
    expect(page.locator(".k-h1")).to_contain_text("cancelled")
    assert state_of(task) == "cancelled"


def test_a_command_is_copied_by_a_click(console, shown):
    path = reverse("admin:executors_task_change", args=[shown.tasks["build 1041"].pk])
    page = console.open(path)
    page.get_by_role("button", name="Copy as CLI").click()
    expect(page.locator("#k-voice")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (
        "k8s4r run --detach --name 'build 1041' --priority 10 --label zone=eu-1"
        " --env TF_LOG=info -- terraform plan -var size=large"
    )


def test_tab_leads_through_the_page_of_a_task_in_the_order_it_is_read(console, shown):
    path = reverse("admin:executors_task_change", args=[shown.tasks["plan production"].pk])
    page = console.open(path)
    page.evaluate("document.querySelector('.k-h1').setAttribute('tabindex', '-1')")
    page.evaluate("document.querySelector('.k-h1').focus()")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(REACHED))
    wanted = ["Cancel", "Run again with changes", "Copy as CLI", "Copy as JSON",
              "Find in the log", "Follow", "Download"]  # fmt: skip
    assert [word for word in reached if word in wanted] == wanted


def test_who_may_only_look_is_told_so_and_offered_nothing(visitor: Console, shown):
    path = reverse("admin:executors_task_change", args=[shown.tasks["plan production"].pk])
    page = visitor.open(path)
    expect(page.get_by_text("You may look at tasks.")).to_be_visible()
    for name in ("Cancel", "Retry", "Run again with changes"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    page = visitor.open("/admin/agents/agent/")
    expect(page.get_by_text("You may look at agents.")).to_be_visible()
    assert visitor.complaints == []
    visitor.leave()


def test_an_inline_script_does_not_run(console):
    page = console.open("/admin/")
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.hasRun = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.hasRun") is None
    assert any("Content Security Policy" in complaint for complaint in console.complaints)
    console.complaints.clear()


def test_who_signs_in_wrongly_stays_and_is_told_why(chromium, site):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/admin/login/?next=/admin/executors/task/")
    page.fill("[name=username]", showcase.OPERATOR)
    page.fill("[name=password]", "something else")
    page.click("#login-form [type=submit]")
    expect(page.get_by_text("No such name and password")).to_be_visible()
    context.close()
