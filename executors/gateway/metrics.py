"""What can be counted? The database is asked at each scrape; the process adds its own numbers.

Names start with ``k8s4r_`` (`catalogue`). Counting in the database makes the numbers those of the
fleet, not of the process that happens to be scraped.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from executors.gateway import families
from executors.gateway.exchange import Answer, Exchange
from executors.gateway.families import Own
from executors.operating import selectors
from executors.operating.selectors import Fleet
from k8s4r import clock
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.api.operations import Media, operation
from k8s4r.core import ids
from k8s4r.core.errors import DomainError, TooMany, Unauthenticated

_TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"


class MetricsEndpoint:
    """Handles ``/metrics``."""

    def __init__(self, own: Callable[[], Own]) -> None:
        self.counting: Collector[None, Fleet] = Collector(
            _count, name="counting", limits=BatchLimits(waiting=20)
        )
        self._own = own

    @operation(
        needs=None,
        caller=None,
        answers={200: Media({"text/plain": bytes})},
        refuses=(Unauthenticated, TooMany),
    )
    async def scrape(self, exchange: Exchange) -> Answer:
        """Answer with everything, in the text format of Prometheus.

        For callers on this machine, or by the bearer token `K8S4R_METRICS_TOKEN` once it is set.
        """
        admit(exchange)
        metrics = families.of_process(self._own())
        try:
            metrics += families.of_database(await self.counting.submit(None))
        except DomainError:
            # The process's own numbers are worth most while the database is away.
            metrics += families.of_database(None)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Fixed(metrics))
        return Answer(body=generate_latest(registry), media_type=_TEXT)


def admit(exchange: Exchange) -> None:
    """Let in whoever has the token or, where none is set, whoever is on this machine.

    Names of projects and pools are in the numbers.

    Raises:
        Unauthenticated: neither is so.
    """
    wanted = settings.METRICS_TOKEN
    if wanted:
        if not ids.same(exchange.bearer().encode(), wanted.encode()):
            raise Unauthenticated("a valid bearer token is needed")
    elif not _is_local(exchange):
        raise Unauthenticated(
            "metrics are for this machine alone until K8S4R_METRICS_TOKEN is set, "
            "and then for who brings it as a bearer token"
        )


def _is_local(exchange: Exchange) -> bool:
    """Is the caller on this machine? Not one for whom a proxy on this machine speaks."""
    client = exchange.scope.get("client")
    if not client or exchange.header(b"x-forwarded-for") or exchange.header(b"forwarded"):
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, eq=False)
class _Fixed:
    """Metrics as prometheus-client wants to collect them."""

    metrics: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def _count(rounds: Sequence[None]) -> list[Fleet | DomainError]:
    fleet = selectors.fleet(now=clock.now())
    return [fleet for _ in rounds]
