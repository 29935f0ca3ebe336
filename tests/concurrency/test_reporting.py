"""Reports race with each other, sessions, cancels and claims: one end each, no deadlock."""

from contextlib import suppress
from random import Random

import pytest

from agents.core.sessions import SessionSuperseded
from agents.wire.messages import Heartbeat, Held, OpenSession
from executors.core.leases import LeasePolicy
from executors.core.lifecycle import ATTEMPT_TERMINAL, TASK_TERMINAL, AttemptState, TaskState
from executors.models import Attempt, LogChunk, Task
from executors.services import cancellation, heartbeats, orders, reporting, sessions
from executors.services.heartbeats import Beat
from executors.services.orders import Ask
from k8s4r import clock
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_pool,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    session_of,
    state_of,
)
from tests.concurrency.racing import race, times
from tests.services.agentside import a_batch, report, says, token_of

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOON + seconds(50)


def running(count, *, agents=1, **task_fields):
    """Return running attempts, spread over agents."""
    fleet = [an_agent(slots=-(-count // agents)) for _ in range(agents)]
    tasks = a_tasks(a_pool(*fleet), count, **task_fields)
    return [
        an_attempt(task, fleet[index % agents], state="running") for index, task in enumerate(tasks)
    ]


def test_the_same_result_from_sixteen_connections_counts_once():
    (attempt,) = running(1)
    items = [says(attempt, 1, "log"), says(attempt, 2, "finished", exit_code=0)]
    said = race(*times(16, lambda _: report(attempt, *items)))
    assert sorted(map(tuple, said)) == [("duplicate", "duplicate")] * 15 + [("ok", "ok")]
    ends = AuditEvent.objects.filter(object_id=attempt.task_id, to_state="completed")
    assert ends.count() == 1
    assert LogChunk.objects.filter(attempt=attempt).count() == 1


def test_of_two_different_results_one_stands():
    (attempt,) = running(1)
    said = race(
        *times(
            8, lambda number: report(attempt, says(attempt, 1, "finished", exit_code=number % 2))
        )
    )
    assert [status for (status,) in said].count("ok") == 1
    assert [status for (status,) in said].count("conflict") == 4
    assert [status for (status,) in said].count("duplicate") == 3


def test_batches_in_any_order_of_attempts_do_not_deadlock():
    attempts = running(24, agents=4)

    def send(number):
        mine = list(attempts)
        Random(number).shuffle(mine)
        batches = [a_batch(one, says(one, 1, "log", data=b"x")) for one in mine]
        answers = reporting.record(batches, now=LATER)
        return sum(one.status == "ok" for answer in answers for one in answer.results)

    assert sum(race(*times(8, send))) == len(attempts)


def test_a_result_and_a_new_session_leave_exactly_one_end():
    for _ in range(10):
        (attempt,) = running(1)
        hello = OpenSession(session=clock.new_id(), boot_id="b", sent_at=1.0, slots=1)

        def finish(attempt=attempt):
            try:
                return report(attempt, says(attempt, 1, "finished", exit_code=0))
            except SessionSuperseded:
                return ["superseded"]

        def begin(attempt=attempt, hello=hello):
            sessions.open(attempt.agent_id, hello, now=LATER, policy=LeasePolicy())
            return []

        (status,), _ = race(finish, begin)
        expected = {
            "ok": (AttemptState.SUCCEEDED, TaskState.COMPLETED),
            "superseded": (AttemptState.LOST, TaskState.PENDING),
        }
        assert (state_of(attempt), state_of(attempt.task)) == expected[status]


def test_a_result_and_a_cancel_end_the_task_once():
    attempts = running(20)
    cancels = times(
        20,
        lambda number: cancellation.cancel(
            [attempts[number].task_id], actor=Actor("user", "x"), now=LATER
        ),
    )
    results = times(
        20,
        lambda number: report(attempts[number], says(attempts[number], 1, "finished", exit_code=1)),
    )
    race(*cancels, *results)
    for attempt in attempts:
        task = Task.objects.get(pk=attempt.task_id)
        assert task.state in {TaskState.CANCELLED, TaskState.FAILED}
        moves = AuditEvent.objects.filter(object_id=task.pk, to_state__in=sorted(TASK_TERMINAL))
        assert moves.count() == 1


def test_two_runners_that_say_hello_at_once_leave_one_open_session_with_all_the_work():
    attempts = running(6)
    agent = attempts[0].agent
    held = [Held(attempt=one.pk, token=token_of(one), running=True) for one in attempts]

    def begin(number):
        message = OpenSession(
            session=clock.new_id(), boot_id=str(number), sent_at=1.0, slots=6, held=held
        )
        return sessions.open(agent.pk, message, now=LATER, policy=LeasePolicy())

    race(*times(4, begin))
    kept = session_of(agent)
    assert set(Attempt.objects.values_list("session", "state")) == {(kept.pk, "running")}


def test_everything_at_once_settles_without_deadlock():
    attempts = running(30, agents=5)
    agents = sorted({one.agent_id for one in attempts})

    def act(number):
        draw = Random(number)
        for _ in range(10):
            one = draw.choice(attempts)
            _STEPS[draw.randrange(len(_STEPS))](one)

    race(*times(12, act))
    for agent_id in agents:
        hello = OpenSession(session=clock.new_id(), boot_id="last", sent_at=1.0, slots=0)
        sessions.open(agent_id, hello, now=LATER, policy=LeasePolicy())
    assert set(Attempt.objects.values_list("state", flat=True)) <= set(ATTEMPT_TERMINAL)
    stuck = Task.objects.exclude(state__in=[*TASK_TERMINAL, TaskState.PENDING])
    assert not stuck.exists()


def _log(one):
    with suppress(SessionSuperseded):
        report(one, says(one, 1, "log"))


def _finish(one):
    with suppress(SessionSuperseded):
        report(one, says(one, 1, "finished", exit_code=0))


def _hello(one):
    held = [Held(attempt=one.pk, token=token_of(one), running=True)]
    message = OpenSession(session=clock.new_id(), boot_id="b", sent_at=1.0, slots=6, held=held)
    sessions.open(one.agent_id, message, now=LATER, policy=LeasePolicy())


def _cancel(one):
    cancellation.cancel([one.task_id], actor=Actor("user", "x"), now=LATER)


def _beat(one):
    session = session_of(one.agent)
    heartbeats.beat([Beat(one.agent_id, clock.new_id(), Heartbeat(session=session.pk, error="x"))],
                    now=LATER)  # fmt: skip


def _claim(one):
    orders.open_orders([Ask(one.agent_id, session_of(one.agent).pk, [one.pk])], now=LATER)


_STEPS = [_log, _finish, _hello, _cancel, _beat, _claim]
