"""How do other processes learn of news, when nobody may wait for Redis or fail with it?"""

import logging
import queue
import threading
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from executors.channels.news import CHANNEL, News, encode

logger = logging.getLogger(__name__)

QUEUE_SIZE: Final = 10_000
# A hint that takes longer than this is late anyway: the fall-backs ask the database by then.
CONNECT_TIMEOUT_S: Final = 0.5
ANSWER_TIMEOUT_S: Final = 0.5
IDS_PER_MESSAGE: Final = 5_000
# The first news goes at once, what follows gathers: every message is read by every gateway, and a
# busy one tells something with each of its transactions.
PAUSE_S: Final = 0.005


class Publisher:
    """Publishes from a thread of its own; ``offer`` never waits and never raises.

    ``failures`` counts the news that did not get out: queue full, or Redis away.
    """

    def __init__(self, redis_url: str) -> None:
        self.failures = 0
        self._waiting: queue.Queue[News | None] = queue.Queue(QUEUE_SIZE)
        self._client = redis.Redis.from_url(
            redis_url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="news-publisher", daemon=True)

    def start(self) -> None:
        """Begin to publish what was offered."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 2.0) -> None:
        """Publish what is left, within the time, and end the thread."""
        self._stopping.set()
        try:
            self._waiting.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def offer(self, news: News) -> None:
        """Take the news to be published soon, or count it as failed when there is too much."""
        try:
            self._waiting.put_nowait(news)
        except queue.Full:
            self.failures += 1

    def _run(self) -> None:
        running = True
        while running:
            news, running = self._gathered()
            if news is not None:
                self._publish(news)
                self._stopping.wait(PAUSE_S)
        self._client.close()

    def _gathered(self) -> tuple[News | None, bool]:
        """Return all that waits as one, and whether to go on afterwards."""
        news = self._waiting.get()
        while news is not None and len(news.pools) + len(news.agents) < IDS_PER_MESSAGE:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                return news, True
            if more is None:
                return news, False
            news |= more
        return news, news is not None

    def _publish(self, news: News) -> None:
        try:
            self._client.publish(CHANNEL, encode(news))
        except (redis.RedisError, OSError) as error:
            self.failures += 1
            logger.debug("news_not_published", extra={"error": str(error)})
