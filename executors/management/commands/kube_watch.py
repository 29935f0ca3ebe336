"""Watch the clusters of all K8s configs, and do at once what is to be done in them.

Needs PostgreSQL alone: word through Redis makes it faster, and a Celery worker on the queue `kube`
does the same rounds every few seconds. One of it is enough, and two do no harm.
"""

import asyncio
import logging
import os
import signal
from random import Random
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from executors.channels.news import News
from executors.channels.subscriber import Subscriber
from executors.clusters import opening
from executors.clusters.watchtower import Watchtower
from pools.models import K8sConfig

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0


class Command(BaseCommand):
    """Stays until SIGTERM or Ctrl-C; calls that are under way are repeated by whoever is next."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Have a post for each config that is in use."""
        asyncio.run(_watch(Watchtower(opening.means())))


async def _watch(tower: Watchtower) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)

    def hear(news: News) -> None:
        tower.wake(news.clusters)

    subscriber = Subscriber(
        settings.REDIS_URL,
        on_news=hear,
        on_change=lambda _connected: None,
        random=Random(os.getpid()),  # noqa: S311 - spreads reconnects
    )
    listening = asyncio.create_task(subscriber.run())
    while not over.is_set():
        wanted = await asyncio.to_thread(_in_use)
        if wanted is not None:
            tower.man(wanted)
        try:
            await asyncio.wait_for(over.wait(), LOOK_EVERY_S)
        except TimeoutError:
            continue
    listening.cancel()
    tower.leave()


def _in_use() -> frozenset[UUID] | None:
    """Return the configs whose clusters are to be watched, as long as the database says so."""
    try:
        rows = K8sConfig.objects.filter(active=True, archived_at=None)
        return frozenset(rows.values_list("pk", flat=True))
    except DatabaseError:
        logger.warning("configs_not_read")
        return None
    finally:
        connection.close()
