"""A dispatch pass on real rows: who gets what, in how many statements, and why the rest waits."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executors.models import Attempt, Requirement, Task
from executors.services import dispatch
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_pool,
    a_requirement,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    an_attempt,
    seconds,
    state_of,
)

pytestmark = pytest.mark.django_db


def run_pass(pool, now=NOON):
    return dispatch.run_pass(pool.pk, now=now, aging_weight_s=60)


def why(task):
    return Requirement.objects.get(pk=task.requirement_id).waiting_code


def test_a_waiting_task_gets_a_free_slot_and_history_says_so():
    agent = an_agent()
    task = a_task(a_pool(agent))

    result = run_pass(task.pool, NOON + seconds(1))

    attempt = Attempt.objects.get(task=task)
    assert (result.placed, result.agent_ids) == (1, {agent.pk})
    assert (attempt.agent_id, attempt.number, attempt.state) == (agent.pk, 1, "assigned")
    assert state_of(task) == "dispatching"
    steps = AuditEvent.objects.filter(object_id=task.pk).order_by("id")
    assert [(e.from_state, e.to_state, e.cause) for e in steps] == [
        ("", "pending", "INSERT"),
        ("pending", "dispatching", "dispatch"),
    ]
    assert steps[1].at == NOON + seconds(1)


def test_a_pass_never_gives_more_than_the_free_slots():
    agents = [an_agent(slots=2), an_agent(slots=1)]
    pool = a_pool(*agents)
    tasks = a_tasks(pool, 5)

    run_pass(pool)

    placed = set(Attempt.objects.values_list("task_id", flat=True))
    assert placed == {task.pk for task in tasks[:3]}
    assert why(tasks[4]) == "slots_full"


def test_a_pass_gives_away_so_much_the_first_in_turn_and_leaves_the_rest_to_the_next():
    pool = a_pool(an_agent(slots=dispatch.TASKS_PER_PASS + 2))
    tasks = a_tasks(pool, dispatch.TASKS_PER_PASS // 2)
    tasks += a_tasks(pool, dispatch.TASKS_PER_PASS, requirement=a_requirement(pool, kind="plan"))
    first = run_pass(pool)
    assert (first.placed, first.more) == (dispatch.TASKS_PER_PASS, True)
    placed = set(Attempt.objects.values_list("task_id", flat=True))
    assert placed == {task.pk for task in tasks[: dispatch.TASKS_PER_PASS]}
    second = run_pass(pool)
    assert (second.placed, second.more) == (2, False)


def test_a_slot_with_a_current_attempt_is_not_given_away():
    agent = an_agent(slots=1)
    pool = a_pool(agent)
    an_attempt(a_task(pool), agent, state="running")

    waiting = a_task(pool)

    assert run_pass(pool).placed == 0
    assert state_of(waiting) == "pending"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"observed": "offline"}, "no_agent_online"),
        ({"desired": "draining"}, "paused"),
        ({"desired": "paused"}, "paused"),
    ],
)
def test_an_agent_that_may_not_get_work_gets_none_and_the_task_says_why(fields, code):
    agent = an_agent(**fields)
    task = a_task(a_pool(agent))

    assert run_pass(task.pool).placed == 0
    assert why(task) == code
    assert state_of(task) == "pending"


def test_a_task_nobody_can_take_does_not_hold_up_the_others():
    agent = an_agent(labels={"gpu": "no"})
    pool = a_pool(agent)
    picky = a_task(pool, requirement=a_requirement(pool, labels={"gpu": "yes"}))
    easy = a_task(pool, now=NOON + seconds(5))

    run_pass(pool)

    assert state_of(easy) == "dispatching"
    assert (state_of(picky), why(picky)) == ("pending", "labels_missing")


def test_a_paused_pool_gives_nothing_and_says_so():
    agent = an_agent()
    task = a_task(a_pool(agent, paused=True))

    assert run_pass(task.pool).placed == 0
    assert why(task) == "paused"


def test_a_task_in_back_off_is_not_in_the_queue_yet():
    agent = an_agent()
    task = a_task(a_pool(agent), run_after=NOON + seconds(30))

    assert run_pass(task.pool).placed == 0
    assert state_of(task) == "pending"


def test_the_pools_limits_count_what_it_runs_already():
    agent = an_agent(slots=4)
    pool = a_pool(agent, max_concurrent=2)
    an_attempt(a_task(pool), agent, state="running")
    waiting = a_tasks(pool, 3)

    run_pass(pool)

    assert [state_of(task) for task in waiting] == ["dispatching", "pending", "pending"]
    assert why(waiting[2]) == "pool_limit"


def test_owners_share_a_pool_whatever_the_length_of_their_queues():
    pool = a_pool(an_agent(slots=4))
    flood = a_tasks(pool, 50, owner=a_user("alice"))
    few = a_tasks(pool, 2, owner=a_user("bob"), now=NOON + seconds(1))

    run_pass(pool)

    assert [state_of(task) for task in few] == ["dispatching"] * 2
    assert Task.objects.filter(pk__in=[t.pk for t in flood], state="dispatching").count() == 2


def test_priority_comes_first_and_age_outweighs_it_in_time():
    pool = a_pool(an_agent(slots=1))
    old = a_task(pool, now=NOON - seconds(3600))
    a_task(pool, priority=50)

    run_pass(pool)

    assert state_of(old) == "dispatching"


def test_round_robin_goes_on_after_the_agent_served_last():
    agents = [an_agent(slots=3) for _ in range(3)]
    pool = a_pool(*agents, strategy="round_robin")
    served = []
    for step in range(4):
        task = a_task(pool, now=NOON + seconds(step))
        run_pass(pool)
        served.append(Attempt.objects.get(task=task).agent_id)

    assert len(set(served[:3])) == 3
    assert served[3] == served[0]


def test_fifty_placements_take_as_many_statements_as_one():
    def statements(count):
        pool = a_pool(an_agent(slots=count))
        a_tasks(pool, count)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert run_pass(pool).placed == count
        return len(queries)

    assert statements(50) == statements(1)


def test_a_session_that_ended_gets_nothing():
    agent = an_agent()
    task = a_task(a_pool(agent))
    agent_session = "UPDATE agents_session SET ended_at = opened_at WHERE agent_id = %s"
    with connection.cursor() as cursor:
        cursor.execute(agent_session, [agent.pk])

    assert run_pass(task.pool).placed == 0
    assert state_of(task) == "pending"
