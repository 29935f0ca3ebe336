"""A pool of pods in a database of its own, whose agents exist in rows only."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import django

django.setup(set_prefix=False)

from django.core.management import call_command  # noqa: E402 - Django is set up first
from django.db import transaction  # noqa: E402

from agents.models import Agent, Session, Slot  # noqa: E402
from executors.core.lifecycle import (  # noqa: E402
    CURRENT_WORDS,
    AttemptEvent,
    TaskEvent,
)
from executors.models import Attempt  # noqa: E402
from executors.services import dispatch, scaling, transitions  # noqa: E402
from executors.services.transitions import AttemptMove, TaskMove  # noqa: E402
from k8s4r import clock, database  # noqa: E402
from k8s4r.audit import attribution  # noqa: E402
from pools.core.pods import PodEvent  # noqa: E402
from pools.models import Pod, Pool  # noqa: E402
from pools.services import pods  # noqa: E402
from pools.services.pods import NewPod  # noqa: E402
from tests.builders import a_pod_pool, a_pool, a_requirement, a_tasks  # noqa: E402

AGING_S = 60.0


def prepare() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def a_pool_of_pods(count: int, **fields: object) -> Pool:
    """Return a pool with that many idle pods, all of them ready."""
    pool: Pool = a_pod_pool(max_pods=count, **fields)
    with transaction.atomic():
        pods.make(pool, [NewPod()] * count, now=clock.now())
    connect(pool)
    return pool


def a_pool_of_machines(count: int) -> Pool:
    """Return its peer: as many agents of three slots that are in no pod."""
    pool: Pool = a_pool()
    now = clock.now()
    made = Agent.objects.bulk_create(
        Agent(project=pool.project, name=f"machine-{number}", created_at=now, changed_at=now)
        for number in range(count)
    )
    Slot.objects.bulk_create(Slot(agent=one, index=at) for one in made for at in range(3))
    _come_online(made)
    return pool


def connect(pool: Pool) -> int:
    """Let the agents of pods that were just made come online; return how many."""
    fresh = Pod.objects.filter(pool=pool, state="creating").select_related("agent")
    found = list(fresh)
    with transaction.atomic():
        pods.move([pod.pk for pod in found], PodEvent.CONNECTED, now=clock.now())
    _come_online([pod.agent for pod in found])
    return len(found)


def queue(pool: Pool, plans: int, commands: int) -> None:
    """Put tasks into the queue: plans, and commands that need the slot that can apply."""
    a_tasks(pool, commands, now=clock.now())
    kind = {"kind": "plan", "requirement": a_requirement(pool, kind="plan")}
    a_tasks(pool, plans, now=clock.now(), **kind)
    for table in ("executors_task", "executors_attempt", "agents_agent", "pools_pod"):
        database.run(f"ANALYZE {table}")


def run_pass(pool: Pool) -> int:
    """Run a pass; return how many tasks it placed."""
    return dispatch.run_pass(pool.pk, now=clock.now(), aging_weight_s=AGING_S).placed


def look(pool: Pool) -> None:
    """Look how many pods the pool needs."""
    scaling.look(pool.pk, now=clock.now(), aging_weight_s=AGING_S)


def tidy() -> None:
    """Clear away what rounds that were taken back left behind; autovacuum has no time for it."""
    for table in ("executors_task", "executors_attempt", "agents_agent", "pools_pod",
                  "pools_podaction"):  # fmt: skip
        database.run(f"VACUUM ANALYZE {table}")


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is done inside, so that the next round finds the same."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def end_work(pool: Pool, older_than_s: float) -> int:
    """End what was assigned that long ago, as its agents' reports would; return how much."""
    now = clock.now()
    rows = Attempt.objects.filter(task__pool=pool, state__in=CURRENT_WORDS)
    return _end(
        [
            (attempt, task)
            for attempt, task, at in rows.values_list("pk", "task_id", "assigned_at")
            if (now - at).total_seconds() >= older_than_s
        ]
    )


def end_some(pool: Pool, count: int) -> int:
    """End some of what runs; return how much."""
    rows = Attempt.objects.filter(task__pool=pool, state__in=CURRENT_WORDS).order_by("pk")
    return _end(list(rows.values_list("pk", "task_id")[:count]))


@transaction.atomic
def _end(due: list[tuple[UUID, UUID]]) -> int:
    now = clock.now()
    attribution.attribute(attribution.SYSTEM, cause="bench")
    transitions.move_attempts(
        [
            AttemptMove(attempt_id=one, event=AttemptEvent.SUCCEEDED, first=AttemptEvent.STARTED,
                        started_at=now, ended_at=now)
            for one, _ in due
        ],
        now=now,
    )  # fmt: skip
    transitions.move_tasks(
        [
            TaskMove(task_id=one, event=TaskEvent.SUCCEEDED, first=TaskEvent.STARTED,
                     started_at=now, ended_at=now)
            for _, one in due
        ],
        now=now,
    )  # fmt: skip
    return len(due)


def slots(pool: Pool) -> tuple[int, int]:
    """Return how many slots of the pool's pods are in use, and how many tasks wait."""
    used = Attempt.objects.filter(task__pool=pool, state__in=CURRENT_WORDS).count()
    ((waiting,),) = database.rows(
        "SELECT count(*) FROM executors_task WHERE pool_id = %s AND state = 'pending'", [pool.pk]
    )
    return used, int(waiting)


def timed(action: object, *arguments: object) -> float:
    """Return the seconds that it takes."""
    begun = time.monotonic()
    action(*arguments)  # type: ignore[operator]
    return time.monotonic() - begun


def _come_online(agents: list[Agent]) -> None:
    now = clock.now()
    Agent.objects.filter(pk__in=[one.pk for one in agents]).update(
        observed="online", capabilities={"drivers": ["noop"]}
    )
    Session.objects.bulk_create(
        Session(id=clock.new_id(), agent=one, slots=3, opened_at=now, last_heartbeat_at=now)
        for one in agents
    )
