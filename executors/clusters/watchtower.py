"""Who watches the clusters, and works on them when nobody else does?

One thread per config waits for word of its cluster, another keeps it in line. A word is a hint: it
brings a look soon. Neither Redis nor Celery is needed: what nobody has done for two periods is
done here. A slow or dead cluster holds up its own threads alone.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import connection

from executors.clusters import rounds
from executors.clusters.rounds import Means
from executors.core.rhythm import Rhythm
from k8s4r.core.errors import DomainError

logger = logging.getLogger(__name__)

PERIOD_S: Final = rounds.PERIOD.total_seconds()
# After a watch that failed; one that ended is begun again at once.
WATCH_AGAIN_S: Final = 10.0


@dataclass(eq=False)
class Post:
    """The two threads of one config; they end soon after `stop`, or with the process."""

    config_id: UUID
    means: Means
    monotonic: Callable[[], float] = time.monotonic
    _rhythm: Rhythm = field(default_factory=Rhythm)
    _over: threading.Event = field(default_factory=threading.Event)
    # Whoever keeps is to wake up; and there is something to be done.
    _stirred: threading.Event = field(default_factory=threading.Event)
    _word: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to watch and to keep, with a first round at once."""
        self.wake()
        for work in (self.watch, self.keep):
            name = f"{work.__name__}-{self.config_id}"
            threading.Thread(target=self._repeat, args=(work,), name=name, daemon=True).start()

    def stop(self) -> None:
        """Let both threads end."""
        self._over.set()
        self._stirred.set()

    def wake(self) -> None:
        """Work on the cluster at once: there is something to be done."""
        self._word.set()
        self._stirred.set()

    def watch(self) -> None:
        """Wait for word of the cluster until it ends the watch."""
        try:
            port = self.means.clusters.open(self.config_id)
            connection.close()
            for _name in port.watch_pods(str(self.config_id)):
                if self._rhythm.heard(self.monotonic()):
                    self._stirred.set()
                if self._over.is_set():
                    return
        except DomainError as error:
            facts = {"config": str(self.config_id), "error": error.message}
            logger.info("watch_failed", extra=facts)
            self._over.wait(WATCH_AGAIN_S)

    def keep(self) -> None:
        """Work on the cluster when there is word, and when nobody else has for two periods."""
        is_stirred = self._stirred.wait(min(PERIOD_S, self._rhythm.wait_s(self.monotonic())))
        if self._over.is_set():
            return
        self._stirred.clear()
        has_word, at = self._word.is_set(), self.monotonic()
        self._word.clear()
        look = self._rhythm.wait_s(at) <= 0
        if look:
            self._rhythm.looks(at)
        if not (has_word or look or (not is_stirred and self._is_overdue())):
            return
        is_done = rounds.reconcile(self.config_id, self.means, look=look)
        if look and not is_done:
            # Somebody else has it, and may have looked before: what was heard is not lost.
            self._rhythm.heard(self.monotonic())

    def _is_overdue(self) -> bool:
        return rounds.is_overdue(self.config_id, now=self.means.clock())

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                work()
            except Exception:  # the outermost loop of a thread
                logger.exception("watch_post_failed", extra={"config": str(self.config_id)})
                self._over.wait(PERIOD_S)
            finally:
                connection.close_if_unusable_or_obsolete()
        connection.close()


class Watchtower:
    """A post for each config that is in use."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._posts: dict[UUID, Post] = {}

    def man(self, wanted: frozenset[UUID]) -> None:
        """Have posts for these configs, and for no other."""
        for config_id in self._posts.keys() - wanted:
            self._posts.pop(config_id).stop()
            self._means.clusters.forget(config_id)
        for config_id in sorted(wanted - self._posts.keys()):
            post = Post(config_id, self._means)
            self._posts[config_id] = post
            post.start()

    def wake(self, config_ids: Iterable[UUID]) -> None:
        """Have these clusters worked on at once, as far as there are posts for them."""
        for config_id in config_ids:
            if config_id in self._posts:
                self._posts[config_id].wake()

    def leave(self) -> None:
        """Have no post any more."""
        self.man(frozenset())
