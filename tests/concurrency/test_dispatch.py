"""Passes that run at once: no slot and no task is ever given twice."""

from collections import Counter

import pytest
from django.db import transaction

from agents.models import Agent
from executors.core.lifecycle import ATTEMPT_CURRENT
from executors.models import Attempt, Task
from executors.services import dispatch
from tests.builders import NOON, a_pool, a_tasks, an_agent
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)


def run_pass(pool):
    return dispatch.run_pass(pool.pk, now=NOON, aging_weight_s=60).placed


def current():
    return Attempt.objects.filter(state__in=ATTEMPT_CURRENT)


def test_passes_of_pools_that_share_agents_never_give_a_slot_or_a_task_twice():
    agents = [an_agent(slots=3) for _ in range(6)]
    pools = [a_pool(*agents) for _ in range(4)]
    for pool in pools:
        a_tasks(pool, 10)

    for _ in range(3):
        race(*times(16, lambda number: run_pass(pools[number % 4])))

    per_slot = Counter(current().values_list("slot_id", flat=True))
    per_task = Counter(current().values_list("task_id", flat=True))
    assert sum(per_slot.values()) == 18
    assert set(per_slot.values()) == set(per_task.values()) == {1}


def test_sixteen_passes_of_one_pool_place_each_task_once_and_leave_no_slot_idle():
    pool = a_pool(*[an_agent(slots=2) for _ in range(5)])
    a_tasks(pool, 30)

    placed = race(*times(16, lambda _: run_pass(pool)))

    assert sum(placed) == 10
    assert current().count() == 10
    assert Task.objects.filter(state="dispatching").count() == 10


@pytest.mark.parametrize("repetition", range(10))
def test_draining_and_assigning_in_one_instant_never_leaves_a_drained_agent_with_new_work(
    repetition,
):
    """Both sides take the agent's row: the drain sees the attempt, or the pass sees the drain."""
    agent = an_agent(slots=1)
    pool = a_pool(agent)
    a_tasks(pool, 1)

    def drain_if_idle():
        with transaction.atomic():
            row = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
            if current().filter(agent=row).exists():
                return False
            row.desired = "draining"
            row.save(update_fields=["desired"])
            return True

    drained, placed = race(drain_if_idle, lambda: run_pass(pool))

    assert bool(drained) != bool(placed) or (not placed and drained)
    assert current().filter(agent=agent).count() == placed
    assert not (drained and placed)
