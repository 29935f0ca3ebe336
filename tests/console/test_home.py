"""The overview counts, warns and says what to do first."""

from datetime import timedelta

import pytest
from django.urls import reverse

from executors.core.lifecycle import TaskState
from executors.models import Pulse, Requirement
from k8s4r import clock
from k8s4r.console import figures, hints
from tests.builders import (
    NOON,
    a_pod_pool,
    a_ready_pod,
    a_requirement,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
)
from tests.console.opening import page, queries, rows


def test_home_opens_at_the_same_cost_however_much_there_is(browser, pool):
    rows(pool, 1)
    few = queries(browser, "index")
    rows(pool, 8)
    assert queries(browser, "index") == few


def test_where_no_pods_are_nobody_counts_their_slots(browser, pool):
    def counted():
        answer = browser.get(reverse("admin:index"))
        return answer.context["pod_pools"], queries(browser, "index")

    none, few = counted()
    a_ready_pod(a_pod_pool())
    some, more = counted()
    assert (none, len(some), more - few) == ([], 1, 2)


def test_home_counts_what_waits_runs_and_failed(browser, pool, agent):
    an_attempt(a_task(pool), agent, state="running")
    a_tasks(pool, 3)
    answer = browser.get(reverse("admin:index"))
    shown = answer.context
    assert (shown["waiting"], shown["slots"].used, shown["slots"].total) == (3, 1, 2)
    assert [(one.number) for one in shown["tasks"]] == [3, 1]


def test_home_says_how_much_ended_and_how_much_of_it_badly(browser, pool):
    now = clock.now()
    for hours, state in ((0.5, "failed"), (0.6, "completed"), (3, "timed_out"), (30, "failed")):
        a_task(pool, state=state, ended_at=now - timedelta(hours=hours))
    shown = browser.get(reverse("admin:index")).context
    assert (shown["hour"].total, shown["hour"].failed, shown["hour"].failed_percent) == (2, 1, 50)
    assert (shown["day"].total, shown["day"].failed) == (3, 2)
    filled = {one.back: (one.ended, one.failed) for one in shown["hours"] if one.ended}
    assert (filled, len(shown["hours"])) == ({0: (2, 1), 3: (1, 1)}, 24)


def test_redis_is_missed_from_the_first_time_that_it_did_not_answer():
    watch = hints.Watch("redis://127.0.0.1:1/0")
    assert watch.away_since(NOON) == NOON
    assert watch.away_since(NOON + timedelta(hours=1)) == NOON


@pytest.mark.parametrize(
    ("source", "quiet_s", "silent_s"),
    [("gateway", 29, 31), ("sweeper", 29, 31), ("queue.sweeps", 59, 61), ("audit_seal", 299, 301)],
)
def test_a_part_is_missed_after_some_of_its_own_periods(db, source, quiet_s, silent_s):
    Pulse.objects.all().delete()
    Pulse.objects.create(source=source, seen_at=NOON, steady_since=NOON)
    assert figures.missed_pulses(NOON + timedelta(seconds=quiet_s)) == []
    (missed,) = figures.missed_pulses(NOON + timedelta(seconds=silent_s))
    assert missed.source == source


def test_a_backup_is_no_part_that_falls_silent(db):
    Pulse.objects.all().delete()
    Pulse.objects.create(source="backup", seen_at=NOON, steady_since=NOON)
    assert figures.missed_pulses(NOON + timedelta(days=3)) == []


def test_home_of_an_empty_platform_says_what_to_do_first(browser):
    text = page(browser, "index")
    assert "k8s4r run" in text
    assert "k8s4r agent add" in text


def test_home_names_what_only_a_person_can_mend(browser, pool, agent):
    needs = a_requirement(pool, labels={"gpu": "a100"})
    Requirement.objects.filter(pk=needs.pk).update(waiting_code="labels_missing")
    a_task(pool, requirement=needs)
    a_task(pool, name="lost-one", state=TaskState.UNKNOWN, agent=agent)
    an_agent("new-one", observed="pending")
    text = page(browser, "index")
    for words in ("labels_missing", "lost-one", "new-one"):
        assert words in text


def test_home_does_not_mourn_a_reason_for_which_nothing_waits_any_more(browser, pool):
    needs = a_requirement(pool, labels={"gpu": "a100"})
    Requirement.objects.filter(pk=needs.pk).update(waiting_code="labels_missing")
    a_task(pool, requirement=needs, state=TaskState.CANCELLED, ended_at=NOON)
    assert "labels_missing" not in page(browser, "index")
