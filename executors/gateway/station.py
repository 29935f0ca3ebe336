"""Which parts does a running gateway consist of, and how do they start and stop?

Redis, this process --news--> passes --> rows --news--> claims --> agents
                                          ^-- reports <-- agents        reports --> followers
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final, TypeVar
from uuid import UUID

from django.conf import settings

from executors import conf, wakeups
from executors.channels.news import Handover, News
from executors.channels.subscriber import Subscriber
from executors.gateway.agent_calls import AgentCalls
from executors.gateway.artifacts import ArtifactEndpoint
from executors.gateway.bodies import Bodies
from executors.gateway.claims import LOOK_DEAF_S, LOOK_S, Claims
from executors.gateway.creates import CreateEndpoint
from executors.gateway.families import Own
from executors.gateway.following import Followers
from executors.gateway.health import HealthEndpoint
from executors.gateway.metrics import MetricsEndpoint
from executors.gateway.passes import Passes
from executors.gateway.tellings import TellingEndpoints
from executors.gateway.upkeep import Upkeep
from executors.gateway.watches import WatchEndpoint
from executors.gateway.watching import Watchers
from executors.services import drift
from k8s4r.api import authentication, guarding
from k8s4r.api.collector import Collector

logger = logging.getLogger(__name__)

AFTER_A_DEFECT_S: Final = 1.0
T = TypeVar("T")


class Gateway:
    """One gateway of one process. ``start`` and ``stop`` belong to the event loop's life."""

    def __init__(self, *, random: Random) -> None:
        self.bodies = Bodies(patience_s=conf.body_patience_s())
        self.calls = AgentCalls()
        self.claims = Claims(self.calls.claims.offer, is_good=_is_good)
        self.followers = Followers()
        self.watchers = Watchers()
        self.watches = WatchEndpoint(self.watchers, random)
        self.passes = Passes()
        self.upkeep = Upkeep()
        self.creates = CreateEndpoint(self.bodies)
        self.artifacts = ArtifactEndpoint(self.bodies)
        self.tellings = TellingEndpoints(self.bodies, self.followers)
        self.health = HealthEndpoint(lambda: self.subscriber.connected)
        self.metrics = MetricsEndpoint(self._own)
        self.subscriber = Subscriber(
            settings.REDIS_URL,
            on_news=self._heard,
            on_change=self._redis_changed,
            random=random,
        )
        self._loops: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin to listen and to tend; requests may come from now on."""
        self._loop = asyncio.get_running_loop()
        wakeups.LISTENERS.add(self._told)
        wakeups.HANDOVERS.add(self._handed)
        self._loops = asyncio.create_task(self._run_loops())

    def release(self) -> None:
        """Answer everybody who waits: the process is about to end."""
        self.claims.stop()
        self.followers.stop()
        self.watchers.stop()

    async def stop(self) -> None:
        """End the loops, the threads and their connections."""
        self.release()
        wakeups.LISTENERS.remove(self._told)
        wakeups.HANDOVERS.remove(self._handed)
        assert self._loops is not None, "started before"
        self._loops.cancel()
        await asyncio.wait({self._loops})
        await asyncio.gather(*(collector.close() for collector in self._collectors()))
        await asyncio.to_thread(wakeups.close)

    async def _run_loops(self) -> None:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_kept_going(self.subscriber.run))
            loops.create_task(_kept_going(self.upkeep.run))
            loops.create_task(_kept_going(self.followers.look))
            loops.create_task(_kept_going(self.watchers.look))
            loops.create_task(_kept_going(self._look_for_claims))

    async def _look_for_claims(self) -> None:
        """Make up for lost news: seldom while Redis tells us everything, else often."""
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            await asyncio.sleep(LOOK_DEAF_S)
            if not self.subscriber.connected or loop.time() - looked_at >= LOOK_S:
                looked_at = loop.time()
                self.claims.look_for_all()

    def _told(self, news: News) -> None:
        """Take news of this process, in the thread that committed."""
        self._soon(self._act, news)

    def _handed(self, orders: Mapping[UUID, Handover]) -> None:
        """Take new orders from a pass of this process, in the thread that committed."""
        self._soon(self.claims.hand, orders)

    def _soon(self, act: Callable[[T], None], what: T) -> None:
        assert self._loop is not None, "started before"
        # The loop may have ended meanwhile; what was committed stays committed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act, what)

    def _heard(self, news: News) -> None:
        """Take news of another process; our own come back and are old by then."""
        if news.origin != wakeups.origin():
            self._act(news)

    def _act(self, news: News) -> None:
        self.passes.nudge(news.pools)
        self.claims.wake(news.agents)

    def _redis_changed(self, connected: bool) -> None:
        logger.log(
            logging.INFO if connected else logging.WARNING,
            "redis_subscribed" if connected else "redis_away",
        )
        # What was said before we could hear it.
        self.claims.look_for_all()

    def _collectors(self) -> Sequence[Collector[Any, Any]]:
        return [
            *self.calls.all(),
            *self.creates.all(),
            *self.followers.all(),
            *self.watchers.all(),
            *self.upkeep.all(),
            self.passes.runner,
            self.artifacts.storing,
            self.artifacts.reading,
            self.tellings.storing,
            self.health.probing,
            self.metrics.counting,
        ]

    def _own(self) -> Own:
        return Own(
            tallies={collector.name: collector.tally for collector in self._collectors()},
            claims_held=len(self.claims),
            followers=len(self.followers),
            news_failed=wakeups.failures(),
            redis_connected=self.subscriber.connected,
            reports=self.calls.reports_taken,
            slot_drift=drift.total(),
            credentials=dict(guarding.GUARD.tally),
            passes=self.passes.durations,
        )


def _is_good(token: str) -> bool:
    """Was this token found good within the last seconds?"""
    return authentication.remembered(token) is not None


async def _kept_going(run: Callable[[], Awaitable[None]]) -> None:
    """Run a loop that should never end; a defect in one round must not end the others."""
    while True:
        try:
            await run()
        except Exception:  # the outermost loop of the gateway's own work
            logger.exception("loop_failed")
        await asyncio.sleep(AFTER_A_DEFECT_S)
