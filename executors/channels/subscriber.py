"""What do other processes say? One subscription to Redis that comes back by itself."""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Final

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from executors.channels.news import CHANNEL, News, decode

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.1
# "Redis stopped for a minute": the first seconds after its return should not be waited away.
LONGEST_PAUSE_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 2.0
PING_EVERY_S: Final = 5.0
PATIENCE_S: Final = 15.0


class Subscriber:
    """Calls ``on_news`` in the event loop for what others published.

    ``connected`` is whether news can be relied upon now; ``on_change`` is called when it changes.
    Reads have no socket timeout (redis-py 8 gives every read five seconds by default) and nothing
    is retried silently: a lost connection must show. Our own pings find one that is half there.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        on_news: Callable[[News], None],
        on_change: Callable[[bool], None],
        random: Random,
    ) -> None:
        self.connected = False
        self._url = redis_url
        self._on_news = on_news
        self._on_change = on_change
        self._random = random

    async def run(self) -> None:
        """Listen until cancelled; reconnect with growing, jittered pauses."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                logger.debug("redis_subscription_lost", extra={"error": str(error)})
            finally:
                pause_s = FIRST_PAUSE_S if self.connected else pause_s
                self._change(connected=False)
            await asyncio.sleep(pause_s * self._random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._url,
            socket_timeout=None,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            async with client.pubsub() as subscription:
                await asyncio.wait_for(subscription.subscribe(CHANNEL), CONNECT_TIMEOUT_S)
                await self._hear(subscription)
        finally:
            await client.aclose()

    async def _hear(self, subscription: PubSub) -> None:
        silent_s = 0.0
        while silent_s < PATIENCE_S:
            message = await subscription.get_message(timeout=PING_EVERY_S)
            if message is None:
                silent_s += PING_EVERY_S
                await subscription.ping()
            else:
                silent_s = 0.0
                self._take(message)
        raise TimeoutError("no answer to pings")

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            self._change(connected=True)
        elif message["type"] == "message":
            news = decode(message["data"])
            if news is not None:
                self._on_news(news)

    def _change(self, *, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self._on_change(connected)
