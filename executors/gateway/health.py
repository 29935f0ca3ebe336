"""Does this process live, and can it do its work?"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from executors.gateway.exchange import Answer, Exchange, json_answer
from k8s4r import clock
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.api.operations import operation
from k8s4r.core.errors import DomainError


class Alive(msgspec.Struct):
    """The process turns."""

    status: Literal["ok"] = "ok"


class Checks(msgspec.Struct):
    """What the process works with, and whether it is there."""

    database: Literal["ok", "away"]
    redis: Literal["ok", "away"]


class Ready(msgspec.Struct):
    """Whether work can be done; ``degraded``: with a little more delay."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: Checks


class HealthEndpoint:
    """Handles ``/healthz`` and ``/readyz``; both are for everybody and tell no secrets."""

    def __init__(self, redis_connected: Callable[[], bool]) -> None:
        self.probing: Collector[None, None] = Collector(
            _probe, name="probing", limits=BatchLimits(waiting=100)
        )
        self._redis_connected = redis_connected

    @operation(needs=None, caller=None, answers={200: Alive})
    async def alive(self, _exchange: Exchange) -> Answer:
        """Answer that the event loop turns."""
        return json_answer({"status": "ok"})

    @operation(needs=None, caller=None, answers={200: Ready, 503: Ready})
    async def ready(self, _exchange: Exchange) -> Answer:
        """Answer whether work can be done. Without Redis it can, with a little more delay."""
        database = "ok"
        try:
            await self.probing.submit(None)
        except DomainError:
            database = "away"
        redis = "ok" if self._redis_connected() else "away"
        words = {("ok", "ok"): "ok", ("ok", "away"): "degraded"}
        status = words.get((database, redis), "unavailable")
        return json_answer(
            {"status": status, "checks": {"database": database, "redis": redis}},
            status=200 if database == "ok" else 503,
        )


def _probe(rounds: Sequence[None]) -> list[DomainError | None]:
    clock.now()
    return [None for _ in rounds]
