"""What work tells of itself stands on its task's page, and gets no further than that."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from executors.models import Annotation, Task
from tests.pages.looking import NARROW, WIDE


@pytest.fixture
def page(console, shown):
    path = reverse("admin:executors_task_change", args=[shown.tasks["plan production"].pk])
    return console.open(path)


def annotation(page, context):
    return page.get_by_role("region", name=f"Annotation {context}").locator(".k-markdown")


def test_progress_is_shown_and_moves_without_a_reload(page, shown):
    bar = page.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("aria-valuenow", "40")
    expect(page.locator("#progress")).to_contain_text("4 of 10 modules")
    page.evaluate("window.isTheSamePage = true")
    task = Task.objects.filter(pk=shown.tasks["plan production"].pk)
    task.update(progress=0.8)
    expect(bar).to_have_attribute("aria-valuenow", "80")
    assert page.evaluate("window.isTheSamePage")
    task.update(progress=0.4)


def test_markdown_is_shown_as_a_table_a_list_and_a_link_that_leads_out(page):
    expect(page.locator(".k-markdown")).to_have_count(3)
    plan, policy = annotation(page, "plan"), annotation(page, "policy")
    expect(plan.locator("tbody tr")).to_have_count(2)
    expect(plan.locator("a")).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(policy.locator("li")).to_have_count(2)
    expect(policy.locator("strong")).to_have_text("3")


def test_nothing_that_an_annotation_holds_is_run_or_loaded(console, page):
    evil = annotation(page, "evil")
    expect(evil).to_contain_text("<script>window.canary = 1</script>")
    for link in evil.locator("a").all():
        assert (link.get_attribute("href") or "").startswith("https://")
    assert evil.locator("script, img, iframe, style, form, [onerror]").count() == 0
    assert page.evaluate("window.canary") is None
    assert not console.complaints


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_text_stays_within_its_frame(console, page, size):
    console.dress(size, "light")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Annotation.objects.count() == 3
