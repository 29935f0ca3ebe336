"""The other side of a command: an agent that works, and rows as its reports would leave them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agents.models import Agent
from agents.wire.messages import Finished, Log, Started
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Attempt, LogChunk, Task
from k8s4r import clock
from pools.models import Pool
from tests.builders import a_running_attempt, session_of
from tests.serving import AgentSide, an_agents_token
from tests.waiting import wait_until


@contextmanager
def working(gateway, agent: Agent, *pieces: Log | bytes, exit_code: int = 0) -> Iterator[None]:
    """Let the agent take the next order, write these pieces, and end with this code."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with gateway.client(an_agents_token(agent)) as client:
                _work(AgentSide(client, agent.pk, session_of(agent).pk), pieces, exit_code)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()
    assert not failed, failed


def _work(side: AgentSide, pieces, exit_code: int) -> None:
    order = wait_until(lambda: side.claim(wait_s=5).orders)[0]
    base = {"attempt": order.attempt, "token": order.token, "at": 1000.0}
    logs = [
        Log(seq=index + 2, stream=stream, data=data, **base)
        for index, (stream, data) in enumerate(pieces)
    ]
    end = Finished(seq=len(logs) + 2, exit_code=exit_code, **base)
    side.report(Started(seq=1, pid=1, **base), *logs, end)


def a_running_task(pool: Pool, agent: Agent, name: str, **fields) -> Attempt:
    """Return the attempt of a task that has reported its start."""
    return a_running_attempt(pool, agent, now=clock.now(), last_seq=1, name=name, **fields)


def writes(attempt: Attempt, seq: int, data: bytes) -> None:
    """Keep output as if it had been reported."""
    LogChunk.objects.create(attempt=attempt, seq=seq, stream="stdout", at=clock.now(), data=data)
    Task.objects.filter(pk=attempt.task_id).update(log_bytes=seq)


def ends(attempt: Attempt, **outcome) -> None:
    """End attempt and task."""
    now = clock.now()
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.SUCCEEDED, ended_at=now)
    Task.objects.filter(pk=attempt.task_id).update(
        **{"state": TaskState.COMPLETED, "exit_code": 0, "ended_at": now, **outcome}
    )
