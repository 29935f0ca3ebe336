"""How often did this happen lately, over all processes? Counted in Redis, by one atomic script.

DRF's throttles read, decide and write in three steps, so that calls at once all pass. A count
begins with its first event and ends a window later, by Redis's clock.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from k8s4r.core.errors import Unavailable

# Longer than Redis ever takes; who waits for it holds one of a few threads.
PATIENCE_S: Final = 0.25
# After a failure nobody asks for this long: what counts passes without it meanwhile.
AWAY_S: Final = 2.0
PREFIX: Final = "k8s4r:count:"
_SCRIPT: Final = """
local told = {}
for place, key in ipairs(KEYS) do
  local count = tonumber(redis.call('GET', key) or '0')
  if ARGV[1] == '1' then
    count = redis.call('INCR', key)
    if count == 1 then redis.call('PEXPIRE', key, ARGV[2]) end
  end
  told[place] = {count, redis.call('PTTL', key)}
end
return told
"""


class Count(NamedTuple):
    """How often in the window that runs, and in how many seconds that ends."""

    times: int
    ends_s: float


class Counter:
    """Counts events by name. All methods block for a quarter of a second at most."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=PATIENCE_S,
            socket_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._client.register_script(_SCRIPT)
        self._monotonic = monotonic
        self._away_until = 0.0

    def counted(self, names: Sequence[str], *, window_s: float) -> list[Count]:
        """Count one event under each name and return how often that was by now.

        Raises:
            Unavailable: Redis is away.
        """
        return self._run(names, "1", window_s)

    def asked(self, names: Sequence[str]) -> list[Count]:
        """Return how often it was, and count nothing.

        Raises:
            Unavailable: Redis is away.
        """
        return self._run(names, "0", 1.0)

    def _run(self, names: Sequence[str], mode: str, window_s: float) -> list[Count]:
        if self._monotonic() < self._away_until:
            raise Unavailable("Redis is away: nothing can be counted", retry_after_s=AWAY_S)
        keys = [PREFIX + name for name in names]
        try:
            told = self._script(keys=keys, args=[mode, int(window_s * 1000)])
        except redis.RedisError as error:
            self._away_until = self._monotonic() + AWAY_S
            raise Unavailable(
                "Redis is away: nothing can be counted", retry_after_s=AWAY_S
            ) from error
        return [Count(int(times), max(0, int(left)) / 1000) for times, left in told]


_LOCK: Final = threading.Lock()
_COUNTERS: Final[dict[str, Counter]] = {}


def counter() -> Counter:
    """Return the counter of this process."""
    url = settings.REDIS_URL
    with _LOCK:
        if url not in _COUNTERS:
            _COUNTERS[url] = Counter(url)
        return _COUNTERS[url]
