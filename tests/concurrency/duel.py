"""Scale-in against assign in the same instant: pods each of which both may get.

Each round has a pool of its own with some idle pods and a task for each. A pass gives the tasks to
them while they are drained, one transaction each, the second at a random moment of the first.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import Random
from threading import Barrier, Event
from uuid import UUID

from django.db import OperationalError, transaction

from agents.models import Agent, Session
from executors.core.lifecycle import ATTEMPT_CURRENT
from executors.models import Attempt
from executors.services import dispatch, draining
from k8s4r import clock
from pools.core.pods import PodEvent, PodState
from pools.models import K8sConfig, Pod, Pool
from pools.services import pods
from tests.builders import NOON, a_pod, a_pod_pool, a_tasks
from tests.concurrency.racing import race

TOGETHER = 10
START_WITHIN_S = 60


@transaction.atomic
def connect(rows: Sequence[Pod]) -> None:
    """Let the agents of pods open their sessions."""
    agents = [pod.agent_id for pod in rows]
    pods.move([pod.pk for pod in rows], PodEvent.CONNECTED, now=NOON)
    Agent.objects.filter(pk__in=agents).update(
        observed="online", capabilities={"drivers": ["exec", "noop"]}
    )
    Session.objects.bulk_create(
        Session(id=clock.new_id(), agent_id=agent, slots=3, opened_at=NOON, last_heartbeat_at=NOON)
        for agent in agents
    )


def busy(rows: Iterable[Pod]) -> frozenset[UUID]:
    """Return those of the pods that have work."""
    current = Attempt.objects.filter(state__in=ATTEMPT_CURRENT).values("agent")
    found = Pod.objects.filter(pk__in=[pod.pk for pod in rows], agent__in=current)
    return frozenset(found.values_list("pk", flat=True))


def going(rows: Iterable[Pod]) -> frozenset[UUID]:
    """Return those of the pods that leave, or have left."""
    leaving = [PodState.DRAINING, PodState.DELETING, PodState.GONE]
    found = Pod.objects.filter(pk__in=[pod.pk for pod in rows], state__in=leaving)
    return frozenset(found.values_list("pk", flat=True))


class Duel:
    """So many pods in one cluster, and both sides that want them.

    ``clashes`` are the rounds that PostgreSQL ended, as when both sides wait for each other.
    """

    def __init__(self, config: K8sConfig, count: int) -> None:
        self._gate = Barrier(2)
        self._draw = Random(20)
        self._took_s = 0.0
        self.clashes: list[str] = []
        self.pools = [a_pod_pool(k8s_config=config, max_pods=TOGETHER)
                      for _ in range(count // TOGETHER)]  # fmt: skip
        self._of_pool = {pool.pk: [a_pod(pool) for _ in range(TOGETHER)] for pool in self.pools}
        self.pods = [pod for rows in self._of_pool.values() for pod in rows]
        for pool in self.pools:
            a_tasks(pool, TOGETHER)

    def fight(self) -> tuple[int, int]:
        """Return to how many pods work came, and how many were drained."""
        placed, drained = race(self._assign, self._drain)
        return placed, drained

    def _assign(self) -> int:
        placed = 0
        for pool in self.pools:
            self._gate.wait(START_WITHIN_S)
            begun = time.monotonic()
            placed += self._tried(partial(_placed, pool))
            self._took_s = time.monotonic() - begun
        return placed

    def _drain(self) -> int:
        return sum(self._drain_of(pool) for pool in self.pools)

    def _drain_of(self, pool: Pool) -> int:
        agents = [pod.agent_id for pod in self._of_pool[pool.pk]]
        self._gate.wait(START_WITHIN_S)
        # Anywhere in the time that the pass takes, as far as the last one tells.
        Event().wait(self._draw.random() * self._took_s)
        return self._tried(partial(_drained, agents))

    def _tried(self, act: Callable[[], int]) -> int:
        try:
            return act()
        except OperationalError as error:
            self.clashes.append(str(error))
            return 0


def _placed(pool: Pool) -> int:
    return dispatch.run_pass(pool.pk, now=NOON, aging_weight_s=60).placed


def _drained(agents: Sequence[UUID]) -> int:
    return len(draining.drain_if_idle(agents, now=NOON))
