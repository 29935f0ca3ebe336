"""News reaches others through Redis, and its absence blocks nobody."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction

from executors import wakeups
from executors.channels.news import News, decode, encode
from executors.channels.publisher import QUEUE_SIZE, Publisher
from executors.channels.subscriber import Subscriber
from k8s4r.embedded import redis
from tests.waiting import wait_until

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"pools":["x"]}', b"\xff", None, 7])
def test_what_is_no_news_is_dropped(data: object) -> None:
    assert decode(data) is None


def test_news_survives_the_wire() -> None:
    news = News(origin="a", pools=frozenset({uuid4()}), agents=frozenset({uuid4(), uuid4()}))
    assert decode(encode(news)) == news


def test_published_news_reaches_a_subscriber() -> None:
    heard: list[News] = []
    news = News(origin="somebody", agents=frozenset({uuid4()}))

    async def scene() -> None:
        connected, arrived = asyncio.Event(), asyncio.Event()

        def take(one: News) -> None:
            if one.origin == "somebody":
                heard.append(one)
                arrived.set()

        subscriber = Subscriber(
            settings.REDIS_URL,
            on_news=take,
            on_change=lambda up: connected.set() if up else None,
            random=Random(1),
        )
        listening = asyncio.create_task(subscriber.run())
        await asyncio.wait_for(connected.wait(), 10)
        publisher = Publisher(settings.REDIS_URL)
        publisher.start()
        publisher.offer(news)
        await asyncio.wait_for(arrived.wait(), 10)
        publisher.stop()
        listening.cancel()
        await asyncio.wait({listening})
        assert not subscriber.connected

    asyncio.run(scene())
    assert heard == [news]


def test_publishing_without_redis_counts_and_never_blocks_or_raises() -> None:
    publisher = Publisher(NOBODY_LISTENS)
    publisher.start()
    publisher.offer(News(pools=frozenset({uuid4()})))
    wait_until(lambda: publisher.failures > 0)
    publisher.stop()


def test_more_news_than_fits_is_counted_and_dropped() -> None:
    publisher = Publisher(NOBODY_LISTENS)  # never started: nobody empties its queue
    for _ in range(QUEUE_SIZE + 3):
        publisher.offer(News())
    assert publisher.failures == 3


@pytest.mark.django_db(transaction=True)
def test_news_is_told_after_the_commit_and_not_after_a_rollback() -> None:
    heard: list[News] = []
    wakeups.LISTENERS.add(heard.append)
    pool, agent, unborn = uuid4(), uuid4(), uuid4()
    try:
        with transaction.atomic():
            wakeups.tasks_waiting([pool])
            wakeups.news_for([agent])
            told_early = list(heard)
        with transaction.atomic():
            wakeups.news_for([unborn])
            transaction.set_rollback(True)
    finally:
        wakeups.LISTENERS.remove(heard.append)
    assert told_early == []
    assert [(news.pools, news.agents) for news in heard] == [({pool}, set()), (set(), {agent})]


@pytest.mark.django_db(transaction=True)
def test_telling_nobody_says_nothing() -> None:
    heard: list[News] = []
    wakeups.LISTENERS.add(heard.append)
    wakeups.tasks_waiting([])
    wakeups.news_for([])
    wakeups.LISTENERS.remove(heard.append)
    assert heard == []


def test_the_publishing_thread_ends_when_it_is_closed() -> None:
    before = threading.active_count()
    publisher = Publisher(settings.REDIS_URL)
    publisher.start()
    publisher.stop()
    assert threading.active_count() <= before


def test_a_subscription_comes_back_with_its_redis(tmp_path: Path) -> None:
    changes: list[bool] = []
    heard: list[News] = []
    news = News(origin="somebody", pools=frozenset({uuid4()}))
    first = redis.start(tmp_path)
    port = urlsplit(first.url).port

    async def scene() -> None:
        subscriber = Subscriber(
            first.url, on_news=heard.append, on_change=changes.append, random=Random(1)
        )
        listening = asyncio.create_task(subscriber.run())
        await _until(lambda: subscriber.connected)
        await asyncio.to_thread(first.stop)
        await _until(lambda: not subscriber.connected)
        again = await asyncio.to_thread(redis.start, tmp_path, port=port)
        try:
            await _until(lambda: subscriber.connected)
            await asyncio.to_thread(_publish, again.url, news)
            await _until(lambda: bool(heard))
        finally:
            listening.cancel()
            await asyncio.wait({listening})
            await asyncio.to_thread(again.stop)

    asyncio.run(scene())
    assert heard == [news]
    assert changes == [True, False, True, False]


def _publish(url: str, news: News) -> None:
    publisher = Publisher(url)
    publisher.start()
    publisher.offer(news)
    publisher.stop()


async def _until(question: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not question():
            await asyncio.sleep(0.02)
