"""Many pods change at once while others move them: all take the rows in one order."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from executors import pod_loads
from executors.services import shielding
from k8s4r import database
from pools.models import Pod
from tests.builders import NOON, a_pod_pool, a_ready_pod, a_task, an_attempt
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = """
SELECT 1 FROM pg_locks waiting JOIN pg_locks held USING (pid)
WHERE NOT waiting.granted AND held.relation = 'pools_pod'::regclass
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def take(pool, ids):
    shielding.took_work(pool, ids, now=NOON)


def level(pool, ids):
    shielding.level(pool, pod_loads.pod_loads(pool), now=NOON)


@pytest.mark.parametrize("change", [take, level])
def test_pods_that_are_shielded_are_locked_in_the_order_of_all_others(change):
    pool = a_pod_pool()
    first, second = (a_ready_pod(pool, idle_since=NOON) for _ in range(2))
    for pod in (first, second):
        an_attempt(a_task(pool), pod.agent, state="running")
    # The newest version of the first row lies behind the second.
    Pod.objects.filter(pk=first.pk).update(node="n1")

    def shield():
        try:
            with transaction.atomic():
                change(pool, [first.agent_id, second.agent_id])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            Pod.objects.select_for_update().get(pk=first.pk)
            shielded = threads.submit(shield)
            wait_until(lambda: database.rows(WAITING))
            Pod.objects.select_for_update().get(pk=second.pk)
        shielded.result(30)

    assert not Pod.objects.exclude(idle_since=None).exists()
