"""Periodic work that many processes want to do at once is done once; sweeps share their rows."""

from collections import Counter
from threading import Event

import pytest
from django.db import transaction

from agents.core.totals import Totals
from agents.models import Session
from executors import sweeps
from executors.core.leases import LeasePolicy, PulseSource
from executors.core.schedule import Job
from executors.models import Attempt, Pulse, Task, Tick
from executors.operating.models import Outcome
from executors.operating.selectors import task_totals
from executors.operating.services import tallying
from executors.services import expiry, pulses, ticks
from tests.builders import NOON, a_pool, a_task, a_tasks, an_agent, an_attempt, seconds
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)
POLICY = LeasePolicy()
LOST = NOON + seconds(120)


def steady():
    for source in PulseSource:
        Pulse.objects.create(
            source=source, steady_since=NOON - seconds(3600), seen_at=NOON + seconds(9999)
        )


def expire_leases(now=LOST):
    return expiry.expire_leases(now=now, limit=500, policy=POLICY)


def test_of_sixteen_that_want_a_tick_one_gets_it():
    won = race(*times(16, lambda _: ticks.take({"leases": NOON}, now=NOON)))
    assert Counter(won) == {frozenset({"leases"}): 1, frozenset(): 15}
    assert Tick.objects.count() == 1


def test_two_beats_and_two_gateways_run_each_job_once():
    now = NOON + seconds(1)
    beats = [lambda: sweeps.run(list(Job), NOON)] * 2
    ran = race(*beats, lambda: sweeps.run_due(now), lambda: sweeps.run_due(now))
    assert Counter(str(job) for jobs in ran for job in jobs) == dict.fromkeys(map(str, Job), 1)


def test_pulses_of_many_gateways_share_a_row():
    race(*times(12, lambda n: pulses.beat("gateway", now=NOON + seconds(n), policy=POLICY)))
    row = Pulse.objects.get()
    assert row.seen_at == NOON + seconds(11)
    assert row.steady_since <= row.seen_at


def test_sweeps_at_once_give_each_lost_attempt_up_once():
    steady()
    agents = [an_agent(slots=4) for _ in range(10)]
    pool = a_pool(*agents)
    for agent in agents:
        for task in a_tasks(pool, 4):
            an_attempt(task, agent, state="running")

    given_up = race(*times(8, lambda _: expire_leases()))

    assert sum(given_up) == Attempt.objects.filter(state="lost").count() == 40
    assert Task.objects.filter(state="pending", attempts_made=1).count() == 40


def test_sweeps_at_once_time_each_waiting_task_out_once():
    a_tasks(a_pool(), 60, queue_deadline_at=NOON)
    ended = race(*times(6, lambda _: expiry.expire_queue(now=NOON, limit=500)))
    assert sum(ended) == Task.objects.filter(state="timed_out").count() == 60


def test_counts_at_once_count_each_end_once_and_who_looks_meanwhile_sees_all():
    agents = [an_agent() for _ in range(5)]
    pool, ids = a_pool(*agents), [agent.pk for agent in agents]
    for agent in agents:
        a_tasks(pool, 20, agent=agent, state="completed", ended_at=NOON)
    full = dict.fromkeys(ids, Totals(20, 20, 0))

    def count(number):
        tallying.tally(now=NOON + seconds(61 + number))

    def look(_):
        return [task_totals(ids) for _ in range(5)]

    *_, first, second = race(*times(8, count), *times(2, look))
    assert first + second == [full] * 10
    assert task_totals(ids) == full
    assert Outcome.objects.get().tasks == 100


def test_a_lease_that_is_being_renewed_at_this_moment_is_left_alone():
    steady()
    agent = an_agent()
    attempt = an_attempt(a_task(a_pool(agent)), agent, state="running")
    renewing, judged = Event(), Event()

    def renew():
        with transaction.atomic():
            Session.objects.filter(agent=agent).update(last_heartbeat_at=LOST)
            renewing.set()
            assert judged.wait(30)

    def judge():
        assert renewing.wait(30)
        given_up = expire_leases()
        judged.set()
        return given_up

    assert race(renew, judge)[1] == 0
    assert expire_leases() == 0
    assert Attempt.objects.get(pk=attempt.pk).state == "running"


def test_a_sweep_leaves_out_what_another_holds_and_does_not_wait_for_it():
    held, free = a_tasks(a_pool(), 2, queue_deadline_at=NOON)
    holding, swept = Event(), Event()

    def hold():
        with transaction.atomic():
            Task.objects.select_for_update().get(pk=held.pk)
            holding.set()
            assert swept.wait(30)

    def sweep():
        assert holding.wait(30)
        ended = expiry.expire_queue(now=NOON, limit=500)
        swept.set()
        return ended

    assert race(hold, sweep)[1] == 1
    assert Task.objects.get(state="timed_out").pk == free.pk
    assert expiry.expire_queue(now=NOON, limit=500) == 1
