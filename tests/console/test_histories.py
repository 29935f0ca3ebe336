"""What happened to a thing is on its page, from when to when one asks, and a setting comes back."""

from datetime import timedelta

import pytest
from django.urls import reverse

from agents.models import Agent
from executors.models import Attempt
from k8s4r import clock
from k8s4r.access.models import Project
from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import (
    NOON,
    a_member,
    a_pool,
    a_project,
    a_task,
    an_agent,
    an_attempt,
    seconds,
    session_of,
)
from tests.console.conftest import browser_of
from tests.console.opening import page

pytestmark = pytest.mark.django_db


def lines(browser, name, row, **query):
    answer = browser.get(reverse(f"admin:{name}_history", args=[row.pk]), query)
    assert answer.status_code == 200, answer.content
    return [line.sentence for line in answer.context["box"]["lines"]]


def change(browser, pool, **fields):
    """Change a pool by its form, as somebody does in a browser; return the event."""
    form = {"description": pool.description, "strategy": pool.strategy, **fields}
    address = reverse("admin:pools_pool_change", args=[pool.pk])
    assert browser.post(address, form).status_code == 302
    pool.refresh_from_db()
    return AuditEvent.objects.filter(object_id=pool.pk).latest("id")


def revert(browser, pool, event, **fields):
    address = reverse("admin:pool_revert", args=[pool.pk, event.pk])
    answer = browser.post(address, fields, follow=True)
    pool.refresh_from_db()
    # The first ones tell of the changes that led here.
    return [str(one) for one in answer.context["messages"]][-1:]


@pytest.fixture
def limited(db):
    return a_pool(name="fast", max_concurrent=5)


class TestSettings:
    def test_who_changed_what_from_what_to_what_stands_on_the_page(self, browser, limited):
        event = change(browser, limited, max_concurrent="50")
        text = page(browser, "pools_pool_change", limited.pk)
        assert "olga changed max_concurrent 5 -&gt; 50 (web)" in text
        assert reverse("admin:pool_revert", args=[limited.pk, event.pk]) in text

    def test_the_question_shows_what_comes_back_and_the_answer_brings_it(self, browser, limited):
        event = change(browser, limited, max_concurrent="50")
        asked = page(browser, "pool_revert", limited.pk, event.pk)
        assert "<del>50</del> → <ins>5</ins>" in asked
        assert Pool.objects.get(pk=limited.pk).max_concurrent == 50
        assert revert(browser, limited, event) == ["Put back: max_concurrent 50 -> 5"]
        assert limited.max_concurrent == 5
        newest = AuditEvent.objects.filter(object_id=limited.pk).latest("id")
        assert (newest.cause, newest.actor_kind) == ("reverted", "user")

    def test_what_was_changed_again_since_is_asked_about_in_other_words(self, browser, limited):
        first = change(browser, limited, max_concurrent="50")
        second = change(browser, limited, max_concurrent="60")
        assert "changed again since" in revert(browser, limited, first)[0]
        assert limited.max_concurrent == 60
        asked = page(browser, "pool_revert", limited.pk, first.pk)
        assert f"in event {second.pk}" in asked
        assert "Put it back anyway" in asked
        revert(browser, limited, first, force="yes")
        assert limited.max_concurrent == 5

    def test_an_event_of_something_else_and_one_without_settings_put_nothing_back(
        self, browser, limited
    ):
        event = change(browser, limited, max_concurrent="50")
        other = a_pool(name="other", max_concurrent=9)
        assert revert(browser, other, event) == [f"no event {event.pk} of this pool"]
        made = AuditEvent.objects.filter(object_id=limited.pk, from_state="").latest("id")
        assert "changed no setting" in revert(browser, limited, made)[0]
        assert (other.max_concurrent, limited.max_concurrent) == (9, 50)

    def test_who_may_only_look_reads_the_past_and_puts_nothing_back(
        self, browser, visitor, limited
    ):
        event = change(browser, limited, max_concurrent="50")
        address = reverse("admin:pool_revert", args=[limited.pk, event.pk])
        assert "olga changed max_concurrent 5 -> 50 (web)" in lines(visitor, "pools_pool", limited)
        assert address not in page(visitor, "pools_pool_change", limited.pk)
        for answer in (visitor.get(address), visitor.post(address, {"force": "yes"})):
            assert answer.status_code == 403
        assert Pool.objects.get(pk=limited.pk).max_concurrent == 50

    def test_settings_of_an_agent_and_of_a_project_come_back_too(self, browser, agent):
        Agent.objects.filter(pk=agent.pk).update(description="the old one")
        Project.objects.filter(pk=agent.project_id).update(weight=7)
        for kind, row, column in (
            ("agent", agent, "description"),
            ("project", agent.project, "weight"),
        ):
            event = AuditEvent.objects.filter(object_id=row.pk, object_type=kind).latest("id")
            browser.post(reverse(f"admin:{kind}_revert", args=[row.pk, event.pk]))
            row.refresh_from_db()
            assert getattr(row, column) == {"description": "", "weight": 1.0}[column]


class TestMachines:
    @pytest.fixture
    def night(self, agent, pool):
        """Return a task that the machine ran badly yesterday, between two lives of its runner."""
        now = clock.now()
        began = now - timedelta(hours=3)
        attempt = an_attempt(a_task(pool, name="copy"), agent, state="running")
        Attempt.objects.filter(pk=attempt.pk).update(
            assigned_at=began, ended_at=began + seconds(60), state="failed", exit_code=3,
            reason="exit_code",
        )  # fmt: skip
        first = session_of(agent)
        type(first).objects.filter(pk=first.pk).update(
            opened_at=began - seconds(60), ended_at=began + seconds(120)
        )
        Agent.objects.filter(pk=agent.pk).update(
            desired="draining", observed="error", observed_reason="disk full",
            changed_at=began + seconds(90),
        )  # fmt: skip
        return began

    def test_tasks_reconnects_drains_and_errors_are_on_one_line(self, browser, agent, night):
        said = "\n".join(lines(browser, "agents_agent", agent, since="2d"))
        for one in ("got task copy", "ended task copy (attempt 1): failed, exit code 3",
                    "its session ended", "connected with", "disk full"):  # fmt: skip
            assert one in said, one
        words = page(browser, "agents_agent_history", agent.pk, since="2d")
        assert ">draining</span>" in words
        assert ">failed</span>" in words

    def test_the_page_of_a_machine_has_the_line_since_yesterday(self, browser, agent, night):
        text = page(browser, "agents_agent_change", agent.pk)
        assert "ended task copy (attempt 1): failed, exit code 3" in text
        later = page(browser, "agents_agent_change", agent.pk, since="1h")
        assert "ended task copy" not in later.partition("What it did")[2]

    def test_since_and_until_cut_the_line(self, browser, agent, night):
        whole = lines(browser, "agents_agent", agent)
        before = (night + seconds(30)).isoformat()
        early = lines(browser, "agents_agent", agent, until=before)
        late = lines(browser, "agents_agent", agent, since=before)
        assert early + late != []
        assert sorted(early + late) == sorted(whole)
        assert not any("ended task" in one for one in early)

    @pytest.mark.parametrize(
        ("query", "name"),
        [({"since": "soon"}, "since"), ({"until": "2026-13-01"}, "until"),
         ({"since": "1h", "until": "2h"}, "until"), ({"behind": "x~1~y"}, "behind"),
         ({"since": "999999w"}, "since")],
    )  # fmt: skip
    def test_a_moment_that_is_none_is_refused_where_it_stands(self, browser, agent, query, name):
        answer = browser.get(reverse("admin:agents_agent_history", args=[agent.pk]), query)
        assert answer.status_code == 422
        assert list(answer.context["asked"].problems) == [name]
        # The page of the machine shows the night all the same.
        assert "What it did" in page(browser, "agents_agent_change", agent.pk, **query)

    def test_pages_of_a_long_line_meet(self, browser, agent):
        rows = [{"description": str(n)} for n in range(405)]
        for row in rows:
            Agent.objects.filter(pk=agent.pk).update(changed_at=NOON, **row)
        address, found = reverse("admin:agents_agent_history", args=[agent.pk]), []
        query = ""
        while True:
            shown = browser.get(address + query).context
            found += [line.sentence for line in shown["box"]["lines"]]
            query = shown["older"]
            if not query:
                break
        changes = [one for one in found if "changed description" in one]
        assert len(changes) == len(set(changes)) == 405

    def test_tasks_of_a_project_that_one_may_not_read_are_nowhere(self, agent, visitor):
        theirs = a_pool(name="theirs", project=a_project("theirs"))
        secret = a_task(theirs, name="secret-task")
        an_attempt(secret, agent, state="running")
        type(secret).objects.filter(pk=secret.pk).update(agent=agent)
        own = a_task(a_pool(name="own"), name="own-task")
        an_attempt(own, an_agent("web-2"), state="running")
        text = page(visitor, "agents_agent_change", agent.pk)
        assert "secret-task" not in text
        assert "of a project that you may not read" in text
        assert not [one for one in lines(visitor, "agents_agent", agent) if "secret" in one]
        keeper = browser_of(a_member("kim", "fleet_admin", project=agent.project))
        asked = page(keeper, "agent_ask", agent.pk, "draining")
        assert "secret-task" not in asked
        assert "It runs 1 task now" in asked


def test_roles_are_on_a_projects_page_for_who_reads_members_alone(browser, visitor):
    project = a_project()
    a_member("alice", "operator", project=project)
    told = "gave alice the role operator"
    assert any(told in one for one in lines(browser, "access_project", project))
    assert not any(told in one for one in lines(visitor, "access_project", project))


def test_the_past_of_a_foreign_thing_is_not_there():
    theirs = a_project("theirs")
    pool, agent = a_pool(name="gpus", project=theirs), an_agent("web-1", project=theirs)
    browser = browser_of(a_member("sam", "fleet_admin", "auditor", project=a_project()))
    for name, row in (
        ("pools_pool", pool),
        ("agents_agent", agent),
        ("access_project", theirs),
    ):
        address = reverse(f"admin:{name}_history", args=[row.pk])
        assert browser.get(address).status_code == 404, name
