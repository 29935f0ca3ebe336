"""The page of events: old and new values, who by name, filters, and one object's own list."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents.models import Agent
from k8s4r.access.models import User
from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import NOON, a_member, a_pool, a_project, a_task, a_user, an_agent, seconds

LIST = "admin:audit_auditevent_changelist"


def shown(browser, **query):
    answer = browser.get(reverse(LIST), query)
    assert answer.status_code == 200, answer.status_code
    return answer


def events(browser, **query):
    return list(shown(browser, **query).context["cl"].result_list)


@pytest.fixture
def changed(browser, pool):
    """Return the default pool after olga changed its limit in the admin."""
    Pool.objects.filter(pk=pool.pk).update(max_concurrent=5)
    form = {"description": "", "strategy": pool.strategy, "max_concurrent": "50"}
    answer = browser.post(reverse("admin:pools_pool_change", args=[pool.pk]), form)
    assert answer.status_code == 302
    return pool


def test_a_change_shows_the_old_and_the_new_value_and_who_by_name(browser, changed):
    text = shown(browser).content.decode()
    assert 'max_concurrent <span class="k-old">5</span> → <b>50</b>' in text
    assert ">olga</span>" in text
    assert f'title="{changed.pk}">default</a>' in text
    assert "127.0.0.1, web" in text


def test_what_people_wrote_is_shown_as_text(browser, pool):
    Pool.objects.filter(pk=pool.pk).update(description="<script>alert(1)</script>")
    text = shown(browser).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_page_of_an_event_shows_all_of_it(browser, changed):
    event = AuditEvent.objects.filter(cause="change_pool").latest("id")
    answer = browser.get(reverse("admin:audit_auditevent_change", args=[event.pk]))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "→ <b>50</b>" in text
    assert "olga" in text


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({"object_type": "pool"}, lambda e: e.object_type == "pool"),
        ({"actor_kind": "user"}, lambda e: e.actor_kind == "user"),
        ({"within": "hour"}, lambda e: e.at > NOON + seconds(86400)),
        ({"q": "olga"}, lambda e: e.actor_kind == "user"),
        ({"q": "change_pool"}, lambda e: e.cause == "change_pool"),
        ({"q": "127.0.0.1"}, lambda e: e.address == "127.0.0.1"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_filter_shows_what_fits_and_nothing_else(empty_history, browser, changed, query, fits):
    an_agent("web-1")
    everything = events(browser)
    found = events(browser, **query)
    assert [e.pk for e in found] == [e.pk for e in everything if fits(e)]
    assert 0 < len(found) < len(everything)


def test_the_events_of_a_project_and_of_one_object(browser, changed):
    other = a_pool(project=a_project("other"))
    of_project = events(browser, project_id=str(other.project_id))
    of_object = events(browser, object_id=str(other.pk))
    assert {e.project_id for e in of_project} == {other.project_id}
    assert {e.object_id for e in of_object} == {other.pk}


@pytest.mark.parametrize("query", [{"project_id": "x"}, {"q": "\x00"}, {"within": "ever"}])
def test_a_filter_that_means_nothing_breaks_nothing(browser, pool, query):
    assert browser.get(reverse(LIST), query).status_code in {200, 302}


def test_the_page_costs_the_same_however_many_acted(browser, pool):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            shown(browser)
        return len(captured)

    def more(*numbers):
        for number in numbers:
            agent = an_agent(f"w{number}")
            Agent.objects.filter(pk=agent.pk).update(observed="error", changed_at=NOON)
            a_task(pool, owner=a_user(f"u{number}"))

    more(1)
    shown(browser)
    few = cost()
    more(2, 3, 4, 5)
    assert cost() == few


def test_an_auditor_reads_the_events_of_their_project_alone(pool):
    a_pool(name="theirs", project=a_project("red"))
    amy = a_member("amy", "auditor", project=pool.project)
    User.objects.filter(pk=amy.pk).update(is_staff=True)
    page = Client()
    page.force_login(amy)
    found = events(page)
    assert found
    assert {event.project_id for event in found} == {pool.project_id}


def test_who_reads_no_audit_is_shown_neither_page_nor_link(pool):
    vera = a_member("vera", "viewer", project=pool.project)
    User.objects.filter(pk=vera.pk).update(is_staff=True)
    page = Client()
    page.force_login(vera)
    assert page.get(reverse(LIST)).status_code == 403
    assert (
        "who changed it"
        not in page.get(reverse("admin:pools_pool_change", args=[pool.pk])).content.decode()
    )


def test_a_pools_page_leads_to_who_changed_it(browser, changed):
    text = browser.get(reverse("admin:pools_pool_change", args=[changed.pk])).content.decode()
    assert f"{reverse(LIST)}?object_id={changed.pk}" in text
    assert "max_concurrent" in shown(browser, object_id=str(changed.pk)).content.decode()
