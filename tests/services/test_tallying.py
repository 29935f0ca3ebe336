"""How many tasks ended on an agent never falls, whatever is deleted and whoever counts at once."""

import pytest

from agents.core.totals import Totals
from executors import sweeps
from executors.core.schedule import Job
from executors.models import Task
from executors.operating.models import AgentTotal
from executors.operating.selectors import task_totals
from executors.operating.services import tallying
from tests.builders import NOON, a_pool, a_task, a_tasks, an_agent, seconds

pytestmark = pytest.mark.django_db
LATER = NOON + seconds(40 * 86_400)


def ended(pool, agent, count, state, *, at=NOON):
    return a_tasks(pool, count, agent=agent, state=state, ended_at=at)


def test_what_is_in_the_totals_and_what_ended_since_are_counted_once():
    pool, agent = a_pool(), an_agent()
    ended(pool, agent, 2, "completed")
    ended(pool, agent, 1, "timed_out")
    before = task_totals([agent.pk])
    tallying.tally(now=NOON + seconds(61))
    assert AgentTotal.objects.get(pk=agent.pk).total == 3
    assert task_totals([agent.pk]) == before == {agent.pk: Totals(3, 2, 1)}
    ended(pool, agent, 1, "cancelled", at=NOON + seconds(100))
    assert task_totals([agent.pk]) == {agent.pk: Totals(4, 2, 1)}
    tallying.tally(now=NOON + seconds(161))
    assert task_totals([agent.pk]) == {agent.pk: Totals(4, 2, 1)}


def test_an_end_that_may_not_be_committed_yet_is_left_for_the_next_count():
    pool, agent = a_pool(), an_agent()
    ended(pool, agent, 1, "completed")
    tallying.tally(now=NOON + seconds(61))
    settled = ended(pool, agent, 1, "failed", at=NOON + seconds(61) - tallying.SETTLED_AFTER)
    assert task_totals([agent.pk]) == {agent.pk: Totals(1, 1, 0)}, "as old as the count itself"
    Task.objects.filter(pk=settled[0].pk).update(ended_at=NOON + seconds(2))
    assert task_totals([agent.pk]) == {agent.pk: Totals(2, 1, 1)}, "committed late, not lost"
    tallying.tally(now=NOON + seconds(120))
    assert task_totals([agent.pk]) == {agent.pk: Totals(2, 1, 1)}


def test_retention_takes_tasks_and_no_total_falls():
    pool, agent, other = a_pool(), an_agent(), an_agent()
    ended(pool, agent, 3, "completed")
    ended(pool, other, 1, "failed")
    kept = a_task(pool, agent=agent, state="failed", ended_at=LATER)
    totals = {agent.pk: Totals(4, 3, 1), other.pk: Totals(1, 0, 1)}
    assert task_totals([agent.pk, other.pk]) == totals
    assert sweeps.run([Job.RETENTION], LATER) == ["retention"]
    assert list(Task.objects.values_list("pk", flat=True)) == [kept.pk]
    assert task_totals([agent.pk, other.pk]) == totals
    assert task_totals([other.pk]) == {other.pk: Totals(1, 0, 1)}


def test_only_the_agents_that_were_asked_for_are_answered():
    pool, agent, other = a_pool(), an_agent(), an_agent()
    ended(pool, agent, 1, "completed")
    tallying.tally(now=NOON + seconds(61))
    assert task_totals([other.pk]) == {}
    assert task_totals([]) == {}


def test_any_number_of_agents_costs_two_statements(django_assert_num_queries):
    agents = [an_agent().pk for _ in range(20)]
    with django_assert_num_queries(2):
        task_totals(agents)
