"""Calls that arrive together are served together, and a bad one spoils nobody else."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection

from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.core.errors import Conflict, DomainError, Unavailable
from tests.waiting import a_few_turns

Service = Callable[[Sequence[int]], Sequence[int | DomainError]]


class Recorder:
    """A service that doubles, remembers its batches, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, items: Sequence[int]) -> Sequence[int | DomainError]:
        assert self.gate.wait(10)
        self.batches.append(list(items))
        return [item * 2 for item in items]


def play(
    service: Service,
    scene: Callable[[Collector[int, int]], Coroutine[Any, Any, Any]],
    **options: Any,
) -> Any:
    """Run a scene with a collector of this service, and close it."""

    async def run() -> Any:
        collector: Collector[int, int] = Collector(service, name="test", **options)
        try:
            return await scene(collector)
        finally:
            await collector.close()

    return asyncio.run(run())


async def outcomes(collector: Collector[int, int], items: Sequence[int]) -> list[Any]:
    return await asyncio.gather(*(collector.submit(item) for item in items), return_exceptions=True)


def test_calls_of_one_moment_are_one_batch() -> None:
    service = Recorder()
    answers = play(service, lambda collector: outcomes(collector, range(100)))
    assert answers == [item * 2 for item in range(100)]
    assert len(service.batches) == 1


def test_what_arrives_while_a_batch_is_served_is_the_next_batch() -> None:
    service = Recorder()
    service.gate.clear()

    async def scene(collector: Collector[int, int]) -> list[int]:
        first = asyncio.ensure_future(collector.submit(0))
        await a_few_turns()
        others = [asyncio.ensure_future(collector.submit(item)) for item in range(1, 50)]
        await a_few_turns()
        service.gate.set()
        return list(await asyncio.gather(first, *others))

    assert play(service, scene) == [item * 2 for item in range(50)]
    assert service.batches == [[0], list(range(1, 50))]


def test_a_batch_is_no_larger_and_no_heavier_than_its_limits() -> None:
    service = Recorder()
    play(
        service,
        lambda collector: outcomes(collector, [1, 1, 8, 1, 20, 1]),
        limits=BatchLimits(items=3, weight=10),
        weigh=lambda item: item,
    )
    assert service.batches == [[1, 1, 8], [1], [20], [1]]


def test_a_refused_item_is_refused_and_the_others_are_served() -> None:
    def service(items: Sequence[int]) -> list[int | DomainError]:
        return [Conflict("three") if item == 3 else item for item in items]

    answers = play(service, lambda collector: outcomes(collector, range(5)))
    assert isinstance(answers[3], Conflict)
    assert answers[:3] + answers[4:] == [0, 1, 2, 4]


@pytest.mark.parametrize("error", [ValueError("defect"), Conflict("all of you")])
def test_a_batch_that_fails_as_a_whole_is_tried_item_by_item(error: Exception) -> None:
    def service(items: Sequence[int]) -> list[int | DomainError]:
        if 3 in items:
            raise error
        return list(items)

    answers = play(service, lambda collector: outcomes(collector, range(5)))
    assert answers[:3] + answers[4:] == [0, 1, 2, 4]
    assert isinstance(answers[3], DomainError)
    assert answers[3].code == ("conflict" if isinstance(error, Conflict) else "internal_error")


def test_a_defect_does_not_end_the_collector() -> None:
    def service(items: Sequence[int]) -> list[int | DomainError]:
        if items == [0]:
            raise KeyError("defect")
        return list(items)

    async def scene(collector: Collector[int, int]) -> list[Any]:
        first = await outcomes(collector, [0])
        return first + await outcomes(collector, [7])

    first, second = play(service, scene)
    assert first.status == 500
    assert second == 7


def test_a_caller_who_left_is_not_served() -> None:
    service = Recorder()
    service.gate.clear()

    async def scene(collector: Collector[int, int]) -> None:
        first = asyncio.ensure_future(collector.submit(0))
        await a_few_turns()
        left = asyncio.ensure_future(collector.submit(1))
        stays = asyncio.ensure_future(collector.submit(2))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        service.gate.set()
        await asyncio.gather(first, stays)

    play(service, scene)
    assert service.batches == [[0], [2]]


def test_too_many_waiting_calls_are_refused_with_a_time_to_come_back() -> None:
    service = Recorder()
    service.gate.clear()

    async def scene(collector: Collector[int, int]) -> list[Any]:
        first = asyncio.ensure_future(collector.submit(0))
        await a_few_turns()
        waiting = [asyncio.ensure_future(collector.submit(item)) for item in (1, 2)]
        await asyncio.sleep(0)
        refused = await outcomes(collector, [3])
        service.gate.set()
        await asyncio.gather(first, *waiting)
        return refused

    [refused] = play(service, scene, limits=BatchLimits(waiting=2))
    assert isinstance(refused, Unavailable)
    assert refused.retry_after_s > 0


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_between_two_batches_is_replaced_unnoticed() -> None:
    def service(items: Sequence[int]) -> list[int | DomainError]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend = cursor.fetchone()[0]
        return [backend for _ in items]

    async def scene(collector: Collector[int, int]) -> tuple[int, int]:
        first = await collector.submit(0)
        await asyncio.to_thread(_terminate, first)
        return first, await collector.submit(0)

    first, second = play(service, scene)
    assert first != second


def test_a_database_that_is_away_is_said_to_everybody_at_once() -> None:
    calls = []

    def service(items: Sequence[int]) -> list[int | DomainError]:
        calls.append(len(items))
        raise OperationalError("connection refused")

    answers = play(service, lambda collector: outcomes(collector, range(50)))
    assert [type(answer).status for answer in answers] == [503] * 50
    # The batch, and once more on a new connection; not once for each item.
    assert calls == [50, 50]


def _terminate(backend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    connection.close()
