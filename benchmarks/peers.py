"""The peer of most benches: Celery on Redis, with late acknowledgement, as people run it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery

from k8s4r.embedded import redis

app = Celery("peer", broker=os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1:1/0"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)
_STARTED = "peer:started"


@app.task(name="peer.noop")
def noop() -> None:
    """Do nothing."""


@app.task(name="peer.run_true")
def run_true() -> None:
    """Run the same program that our agent runs."""
    subprocess.run(["/bin/true"], check=True)


@app.task(name="peer.started")
def started(sent_at: float) -> None:
    """Say how long the message was under way; one clock, one machine."""
    _client().rpush(_STARTED, time.monotonic() - sent_at)


def _client():  # type: ignore[no-untyped-def]
    return app.backend_client


def _connect(url: str):  # type: ignore[no-untyped-def]
    import redis as driver  # noqa: PLC0415 - the name is that of our own module above

    return driver.Redis.from_url(url, socket_timeout=30)


app.backend_client = _connect(os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1:1/0"))


@contextmanager
def workers(count: int) -> Iterator["Peer"]:
    """Run a Redis and a Celery worker with ``count`` processes until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="k8s4r-peer-") as folder,
        redis.start(Path(folder) / "redis") as server,
    ):
        environment = {**os.environ, "PEER_REDIS_URL": server.url}
        argv = [
            sys.executable, "-m", "celery", "-A", "benchmarks.peers", "worker",
            "--concurrency", str(count), "--without-gossip", "--without-mingle",
            "--without-heartbeat", "--loglevel", "ERROR",
        ]  # fmt: skip
        worker = subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL)
        try:
            yield Peer(server.url)
        finally:
            worker.terminate()
            worker.wait(20)


class Peer:
    """Submits to the peer's workers and waits for what they did."""

    def __init__(self, url: str) -> None:
        self._redis = _connect(url)
        app.conf.broker_url = url

    def run(self, name: str, count: int) -> float:
        """Submit ``count`` tasks, wait until all are done, and return the seconds it took."""
        begun = time.monotonic()
        with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
            for _ in range(count):
                app.send_task(name, producer=producer)
        # Nothing queued and nothing unacknowledged: all are done (kombu's own key names).
        while self._redis.llen("celery") or self._redis.hlen("unacked"):
            time.sleep(0.005)
            if time.monotonic() - begun > 300:
                raise TimeoutError("the peer did not finish")
        return time.monotonic() - begun

    def delays(self, count: int, per_second: float) -> list[float]:
        """Return the seconds from sending to starting of tasks sent at a steady pace."""
        self._redis.delete(_STARTED)
        with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
            begun = time.monotonic()
            for number in range(count):
                time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
                app.send_task("peer.started", args=[time.monotonic()], producer=producer)
        deadline = time.monotonic() + 60
        while self._redis.llen(_STARTED) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return [float(value) for value in self._redis.lrange(_STARTED, 0, -1)]
