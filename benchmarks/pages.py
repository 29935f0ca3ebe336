"""How long does a page of a list of 100,000 tasks take over REST, whatever it is filtered by?

Beside the time, the queries of a list and of the page of a task are counted. The peer asks the same
rows of the database in bare SQL, without a server.
"""

import os
import random
import sys
import time
from datetime import timedelta
from typing import Any, Final

import httpx2
import psycopg

from benchmarks.fleet import parts, server
from benchmarks.machine import Figure, note, quantile, report
from benchmarks.submit import prepared

TASKS: Final = 100_000
ROUNDS: Final = 40
STATES: Final = (("completed", 90), ("failed", 7), ("cancelled", 2), ("pending", 1))
FILTERS: Final = {
    "": "true",
    "state=failed": "t.state = 'failed'",
    "state=pending,running": "t.state IN ('pending', 'running')",
    "pool=second": "t.pool_id = (SELECT id FROM pools_pool WHERE name = 'second')",
    "label=zone%3Dz7": 't.own_labels @> \'{"zone": "z7"}\'',
    "name=task-77": "t.name = 'task-77'",
    "state=failed&pool=second&label=zone%3Dz10": (
        "t.state = 'failed' AND t.own_labels @> '{\"zone\": \"z10\"}'"
        " AND t.pool_id = (SELECT id FROM pools_pool WHERE name = 'second')"
    ),
}
BARE: Final = """
SELECT t.*, p.name, pr.name, u.username, a.name, r.waiting_code FROM executors_task t
JOIN pools_pool p ON p.id = t.pool_id JOIN access_project pr ON pr.id = t.project_id
JOIN access_user u ON u.id = t.owner_id JOIN executors_requirement r ON r.id = t.requirement_id
LEFT JOIN agents_agent a ON a.id = t.agent_id WHERE {where} ORDER BY t.id DESC LIMIT 51
"""


def filled() -> Any:
    """Put the tasks into the database; return one that failed after some attempts."""
    from django.db import connection  # noqa: PLC0415 - Django was set up by `prepared`

    from executors.models import Task  # noqa: PLC0415
    from k8s4r import clock  # noqa: PLC0415
    from pools.models import Pool  # noqa: PLC0415
    from tests.builders import a_pool, a_requirement, a_task, a_user, an_agent, an_attempt  # noqa: PLC0415  # noqa: PLC0415

    now, chance = clock.now(), random.Random(1)
    pools = [Pool.objects.get(name="default"), a_pool(name="second")]
    needs = [a_requirement(pool) for pool in pools]
    owner, agent = a_user("bench"), an_agent("worker", now=now)
    states = chance.choices([s for s, _ in STATES], [w for _, w in STATES], k=TASKS)
    rows = []
    for number, state in enumerate(states):
        which, at = number % 10 == 0, now - timedelta(seconds=TASKS - number)
        rows.append(
            Task(
                id=clock.new_id(), project=pools[which].project, owner=owner, pool=pools[which],
                requirement=needs[which], name=f"task-{number % 1000}", kind="exec",
                driver="noop", labels={"zone": f"z{number % 20}"}, sort_key=at.timestamp(),
                state=state, changed_at=at, submitted_at=at, agent=agent,
                ended_at=None if state == "pending" else at,
            )
        )  # fmt: skip
    Task.objects.bulk_create(rows, batch_size=2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    shown = a_task(pools[0], now=now)
    an_attempt(shown, agent, state="running", now=now)
    return shown


def asked(port: int, token: str) -> dict[str, list[float]]:
    """Return the seconds of each list over REST, by its filter."""
    seconds: dict[str, list[float]] = {query: [] for query in FILTERS}
    headers = {"Authorization": f"Bearer {token}", "Host": "bench"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        for _ in range(ROUNDS):
            for query, took in seconds.items():
                begun = time.perf_counter()
                answer = client.get(f"/api/v1/tasks?limit=50&{query}")
                took.append(time.perf_counter() - begun)
                assert len(answer.json()["items"]) == 50, answer.text[:200]
    return seconds


def bare() -> list[float]:
    """Return the seconds of the same questions in SQL."""
    seconds = []
    with psycopg.connect(os.environ["K8S4R_DATABASE_URL"]) as connection:
        for _ in range(ROUNDS):
            for where in FILTERS.values():
                begun = time.perf_counter()
                connection.execute(BARE.format(where=where)).fetchall()
                seconds.append(time.perf_counter() - begun)
    return seconds


def queries(path: str) -> int:
    """Return how many statements a page takes once Django's caches are warm."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(get_user_model().objects.get(username="bench"))
    assert client.get(path).status_code == 200, path
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)


def main() -> None:
    """Measure and print the tail over all filters, with each one's in the detail."""
    os.environ["K8S4R_ALLOWED_HOSTS"] = "bench"
    with parts():
        token = prepared()
        from django.contrib.auth import get_user_model  # noqa: PLC0415

        get_user_model().objects.update(is_staff=True, is_superuser=True)
        shown = filled()
        counted = {
            "task_page_queries": queries(f"/admin/executors/task/{shown.pk}/change/"),
            "list_queries": queries("/api/v1/tasks?limit=50&state=failed"),
            "admin_list_queries": queries("/admin/executors/task/?state=failed"),
        }
        note(f"queries: {counted}")
        with server("k8s4r.asgi:application") as (_, port):
            seconds = asked(port, token)
        peer = bare()
    every = [one for took in seconds.values() for one in took]
    by_filter = {name or "none": round(1000 * quantile(took, 0.95), 1)
                 for name, took in seconds.items()}  # fmt: skip
    figure = Figure(
        "pages",
        1000 * quantile(every, 0.95),
        1000 * quantile(peer, 0.95),
        "ms",
        better="lower",
        goal="p95 <= 50 ms; task page <= 15 queries",
        detail={**counted, "p50_ms": round(1000 * quantile(every, 0.5), 1), "p95_ms": by_filter},
    )
    report(figure)


if __name__ == "__main__":
    sys.exit(main())
