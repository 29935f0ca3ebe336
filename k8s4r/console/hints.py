"""Is Redis there, which carries the hints, and since when is it not?"""

from datetime import datetime
from typing import Final

import redis
from django.conf import settings

# A page must not wait for a part that work does not wait for either.
_PATIENCE_S: Final = 0.25


class Watch:
    """Asks Redis, and remembers when this process first got no answer."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S, retry=None
        )
        self._since: datetime | None = None

    def away_since(self, now: datetime) -> datetime | None:
        """Return since when it has not answered this process, ``None`` when it answers."""
        try:
            self._client.ping()
        except redis.RedisError:
            self._since = self._since or now
        else:
            self._since = None
        return self._since


_WATCH: Final = Watch(settings.REDIS_URL)


def away_since(now: datetime) -> datetime | None:
    """Return since when Redis is away, ``None`` when it is there."""
    return _WATCH.away_since(now)
