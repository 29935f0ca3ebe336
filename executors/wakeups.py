"""What must others do about a change of mine? They are told after the commit, never before.

Two ways, both hints: listeners in this process at once, other processes through Redis from a
thread of its own. Who misses both finds the same in the database a little later.
"""

import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from executors.channels.listening import Listeners
from executors.channels.news import Handover, News
from executors.channels.publisher import Publisher
from k8s4r import failpoints

LISTENERS: Final[Listeners[News]] = Listeners()
# Whoever holds claims in this process gets new orders themselves, not only word of them.
HANDOVERS: Final[Listeners[Mapping[UUID, Handover]]] = Listeners()


class _Outbox:
    """The publisher of this process and its name; a forked child gets its own of both."""

    def __init__(self) -> None:
        self.origin = ""
        self._publisher: Publisher | None = None
        self.renew()

    def renew(self) -> None:
        """Forget a parent's thread and name: neither came along with the fork."""
        self.origin = secrets.token_hex(8)
        self._publisher = None
        self._lock = threading.Lock()

    def publisher(self) -> Publisher:
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(settings.REDIS_URL)
                self._publisher.start()
            return self._publisher

    def close(self) -> None:
        with self._lock:
            publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.stop()

    def failures(self) -> int:
        return 0 if self._publisher is None else self._publisher.failures


_OUTBOX: Final = _Outbox()
os.register_at_fork(after_in_child=_OUTBOX.renew)


def tasks_waiting(pool_ids: Iterable[UUID]) -> None:
    """Say, once the transaction is committed, that these pools have tasks and maybe room."""
    pools = frozenset(pool_ids)
    if pools:
        transaction.on_commit(partial(_tell, News(origin=_OUTBOX.origin, pools=pools)), robust=True)


def news_for(agent_ids: Iterable[UUID]) -> None:
    """Say, once the transaction is committed, that these agents have an order or a directive."""
    agents = frozenset(agent_ids)
    if agents:
        transaction.on_commit(
            partial(_tell, News(origin=_OUTBOX.origin, agents=agents)), robust=True
        )


def clusters_changed(config_ids: Iterable[UUID]) -> None:
    """Say, once the transaction is committed, that something is to be done in these clusters.

    Whoever watches a cluster acts at once; without it the next round comes in seconds.
    """
    clusters = frozenset(config_ids)
    if clusters:
        news = News(origin=_OUTBOX.origin, clusters=clusters)
        transaction.on_commit(partial(_tell, news), robust=True)


def orders_for(handed: Mapping[UUID, Handover]) -> None:
    """Hand these agents' new orders over, once the transaction is committed.

    Whoever holds their claims in this process need not ask the database; others are told the ids.
    """
    if handed:
        transaction.on_commit(partial(_hand_over, handed), robust=True)


def origin() -> str:
    """Return the name under which this process speaks."""
    return _OUTBOX.origin


def failures() -> int:
    """Return how many news of this process did not get out to the others."""
    return _OUTBOX.failures()


def close() -> None:
    """Publish what is left and end the thread; the next news starts another."""
    _OUTBOX.close()


def _hand_over(handed: Mapping[UUID, Handover]) -> None:
    failpoints.reach("news.before_telling")
    HANDOVERS.tell(handed)
    _OUTBOX.publisher().offer(News(origin=_OUTBOX.origin, agents=frozenset(handed)))


def _tell(news: News) -> None:
    failpoints.reach("news.before_telling")
    LISTENERS.tell(news)
    _OUTBOX.publisher().offer(news)
