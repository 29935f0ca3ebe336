"""A cancel that meets a result, a pass or a sweep: one of them is first, both are whole."""

from uuid import UUID

import pytest
from django.conf import settings

from agents.wire.messages import Finished, Reports, Started
from executors.core.fences import Fence
from executors.core.leases import LeasePolicy, PulseSource
from executors.core.lifecycle import ATTEMPT_CURRENT, TASK_TERMINAL
from executors.models import Attempt, Pulse, Task
from executors.services import cancellation, dispatch, expiry, reporting
from executors.services.reporting import Batch
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from tests.builders import NOON, a_pool, a_task, a_tasks, an_agent, an_attempt, seconds, session_of
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Actor("user", "alice-id")
LATER = NOON + seconds(120)


def cancel(*task_ids: UUID):
    return cancellation.cancel(task_ids, actor=ALICE, now=LATER)


def report(attempt, *items):
    message = Reports(
        session=session_of(attempt.agent).pk,
        sent_at=10.0,
        items=[
            kind(
                attempt=attempt.pk,
                token=Fence(settings.ATTEMPT_KEY).token(attempt.pk, attempt.number),
                seq=seq,
                at=10.0,
                **facts,
            )
            for seq, (kind, facts) in enumerate(items, start=1)
        ],
    )
    (answer,) = reporting.record([Batch(attempt.agent_id, message)], now=LATER)
    return {result.status for result in answer.results}


def moves(task):
    """Return the states the task went through, as its history has them."""
    events = AuditEvent.objects.filter(object_id=task.pk).order_by("id")
    return [event.to_state for event in events if event.from_state != event.to_state]


@pytest.mark.parametrize("repetition", range(8))
def test_a_cancel_and_a_result_in_one_instant_leave_one_final_state(repetition):
    agent = an_agent()
    task = a_task(a_pool(agent))
    attempt = an_attempt(task, agent)
    done = ((Started, {}), (Finished, {"exit_code": 0}))

    outcomes, statuses = race(lambda: cancel(task.pk), lambda: report(attempt, *done))

    # The work had succeeded: whoever came first, the result stands and no slot is left taken.
    assert statuses == {"ok"}
    assert outcomes[task.pk].stopping or outcomes[task.pk].refusal is not None
    assert Task.objects.get(pk=task.pk).state == "completed"
    assert moves(task)[-1:] == ["completed"]
    assert len([state for state in moves(task) if state in TASK_TERMINAL]) == 1
    assert not Attempt.objects.filter(state__in=ATTEMPT_CURRENT).exists()


@pytest.mark.parametrize("repetition", range(8))
def test_a_cancel_and_a_pass_in_one_instant_never_leave_cancelled_work_with_an_attempt(repetition):
    pool = a_pool(an_agent(slots=20))
    tasks = a_tasks(pool, 20)
    ids = [task.pk for task in tasks]

    outcomes, _ = race(
        lambda: cancel(*ids), lambda: dispatch.run_pass(pool.pk, now=LATER, aging_weight_s=60)
    )

    current = Attempt.objects.filter(state__in=ATTEMPT_CURRENT)
    with_attempt = {attempt.task_id: attempt.state for attempt in current}
    for task_id in ids:
        if outcomes[task_id].state == "cancelled":
            assert task_id not in with_attempt
        else:
            assert outcomes[task_id].stopping
            assert with_attempt[task_id] == "stopping"


def test_cancels_of_overlapping_lists_at_once_end_every_task_once():
    pool = a_pool()
    ids = [task.pk for task in a_tasks(pool, 30)]

    race(*times(6, lambda number: cancel(*(ids[number:] + ids[:number]))))

    assert Task.objects.filter(state="cancelled").count() == 30
    ends = AuditEvent.objects.filter(object_id__in=ids, to_state="cancelled")
    assert ends.count() == 30


@pytest.mark.parametrize("repetition", range(8))
def test_a_cancel_and_a_lost_agent_in_one_instant_never_try_cancelled_work_again(repetition):
    for source in PulseSource:
        Pulse.objects.create(source=source, steady_since=NOON, seen_at=NOON + seconds(9999))
    agent = an_agent()
    task = a_task(a_pool(agent))
    an_attempt(task, agent, state="running")

    def expire(now=LATER):
        return expiry.expire_leases(now=now, limit=10, policy=LeasePolicy())

    outcomes, _ = race(lambda: cancel(task.pk), expire)
    expire(LATER + seconds(5))

    assert outcomes[task.pk].refusal is None
    assert Task.objects.get(pk=task.pk).state == "cancelled"
    assert not Attempt.objects.filter(state__in=ATTEMPT_CURRENT).exists()
