"""The log of a task on its page: colours that are safe, groups, search, lines to link to."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from executors.core.lifecycle import TaskState
from executors.models import Attempt
from k8s4r import clock
from tests.builders import a_running_attempt, a_task
from tests.pages import showcase


@pytest.fixture
def page(console, shown):
    """Return the page of a task whose log has a little of everything."""
    task = shown.tasks["plan production"]
    opened = console.open(reverse("admin:executors_task_change", args=[task.pk]))
    expect(opened.locator("[data-log-count]")).to_have_text("11 lines")
    return opened


def line(page, number):
    return page.locator(f"#L{number} .k-text")


def test_what_a_task_writes_is_text_whatever_it_looks_like(page):
    expect(line(page, 10)).to_have_text("<script>alert('no')</script>")
    assert page.locator("[data-log-lines] script").count() == 0


def test_colours_of_a_terminal_are_colours_here(page):
    expect(line(page, 1).locator(".k-bold")).to_have_text("==> Planning")
    expect(line(page, 6).locator(".k-fg2")).to_have_text("+")
    expect(line(page, 8).locator(".k-fg1")).to_have_text("-")
    assert "\x1b" not in page.locator("[data-log-lines]").inner_text()


def test_a_progress_bar_shows_how_far_it_came(page):
    expect(line(page, 9)).to_have_text("progress 100%")


def test_a_group_can_be_closed(page):
    group = page.locator("[data-log-lines] details")
    expect(group.locator("summary")).to_have_text("Download modules")
    expect(line(page, 3)).to_be_visible()
    group.locator("summary").click()
    expect(line(page, 3)).to_be_hidden()
    expect(line(page, 6)).to_be_visible()


def test_what_nobody_wrote_is_told_from_what_is_not_found(page):
    page.fill("[data-log-search]", "nowhere in it")
    expect(page.locator("[data-log-empty]")).to_have_text("No line matches “nowhere in it”.")
    page.fill("[data-log-search]", "")
    expect(page.locator("[data-log-empty]")).to_be_hidden()
    expect(line(page, 1)).to_be_visible()


def test_a_link_leads_to_its_line(page):
    page.click("#L10 .k-no")
    expect(page.locator(".k-target")).to_have_id("L10")
    page.reload()
    expect(page.locator(".k-target")).to_have_id("L10")
    expect(page.locator("[data-log-follow]")).to_have_attribute("aria-pressed", "false")


def test_times_are_shown_on_request_and_remembered(page):
    expect(page.locator("#L1 .k-at")).to_be_hidden()
    page.check("[data-log-times]")
    expect(page.locator("#L1 .k-at")).to_be_visible()
    page.reload()
    expect(page.locator("#L1 .k-at")).to_be_visible()
    page.uncheck("[data-log-times]")


@pytest.mark.parametrize(
    ("state", "words"),
    [(TaskState.COMPLETED, "It wrote nothing."), (TaskState.RUNNING, "not written anything yet")],
)
def test_a_task_without_output_says_so(console, shown, state, words):
    attempt = a_running_attempt(shown.default, shown.agents["edge"], now=clock.now())
    if state == TaskState.COMPLETED:
        ended = {"ended_at": clock.now()}
        Attempt.objects.filter(pk=attempt.pk).update(state="succeeded", **ended)
        type(attempt.task).objects.filter(pk=attempt.task_id).update(state=state, **ended)
    page = console.open(reverse("admin:executors_task_change", args=[attempt.task_id]))
    expect(page.locator("[data-log-empty]")).to_contain_text(words)
    Attempt.objects.filter(pk=attempt.pk, ended_at=None).update(state="lost", ended_at=clock.now())


def test_a_task_that_ended_before_it_began_says_so(console, shown):
    task = a_task(shown.default, state=TaskState.CANCELLED, ended_at=clock.now())
    page = console.open(reverse("admin:executors_task_change", args=[task.pk]))
    expect(page.locator("[data-log-empty]")).to_contain_text("ended before any agent")


def test_pieces_that_split_a_letter_and_a_colour_are_joined(console, shown):
    attempt = a_running_attempt(shown.default, shown.agents["edge"], now=clock.now())
    whole = "\x1b[32mgrün\x1b[0m\n".encode()
    for seq, cut in enumerate((slice(0, 3), slice(3, 8), slice(8, None)), start=2):
        showcase.write(attempt, whole[cut], seq=seq)
    page = console.open(reverse("admin:executors_task_change", args=[attempt.task_id]))
    expect(line(page, 1)).to_have_text("grün")
    expect(line(page, 1).locator(".k-fg2")).to_have_text("grün")
    Attempt.objects.filter(pk=attempt.pk).update(state="lost", ended_at=clock.now())
