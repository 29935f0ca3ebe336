"""What can be counted? The database is asked at each scrape; the process adds its own numbers.

Names start with ``k8s4r_``. Counting in the database makes the numbers those of the fleet, not of
the process that happens to be scraped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from agents.core.states import Observed
from executors.core.lifecycle import ATTEMPT_CURRENT, TASK_TERMINAL, TaskState
from executors.gateway.exchange import Answer, Exchange
from k8s4r import clock, database
from k8s4r.api.collector import BatchLimits, Collector, Tally
from k8s4r.api.operations import Media, operation
from k8s4r.core.errors import DomainError

_TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"

# Ended tasks are not counted: there may be millions, and nobody has to do anything about them.
_OPEN: Final = tuple(state for state in TaskState if state not in TASK_TERMINAL)
_TASKS: Final = """
SELECT state, count(*) FROM executors_task WHERE state = ANY(%s) GROUP BY state
"""
_OLDEST: Final = """
SELECT min(submitted_at) FROM executors_task WHERE state = 'pending' AND run_after IS NULL
"""
_AGENTS: Final = """
SELECT observed, count(*) FROM agents_agent WHERE archived_at IS NULL GROUP BY observed
"""
_SLOTS: Final = """
SELECT (SELECT count(*) FROM agents_slot s JOIN agents_agent a ON a.id = s.agent_id
        WHERE s.retired_at IS NULL AND a.observed = 'online'),
       (SELECT count(*) FROM executors_attempt WHERE state = ANY(%s))
"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one look at the database told."""

    tasks: Mapping[str, int]
    oldest_s: float
    agents: Mapping[str, int]
    slots_total: int
    slots_used: int


@dataclass(frozen=True, slots=True)
class Own:
    """What the process knows of itself at this moment."""

    tallies: Mapping[str, Tally]
    claims_held: int
    followers: int
    news_failed: int
    redis_connected: bool
    refused: Mapping[str, int]


class MetricsEndpoint:
    """Handles ``/metrics``."""

    def __init__(self, own: Callable[[], Own]) -> None:
        self.counting: Collector[None, Numbers] = Collector(
            _count, name="counting", limits=BatchLimits(waiting=20)
        )
        self._own = own

    @operation(needs=None, caller=None, answers={200: Media({"text/plain": bytes})})
    async def scrape(self, _exchange: Exchange) -> Answer:
        """Answer with everything, in the text format of Prometheus."""
        metrics = _of_process(self._own())
        try:
            metrics += _of_fleet(await self.counting.submit(None))
        except DomainError:
            # The process's own numbers are worth most while the database is away.
            metrics.append(GaugeMetricFamily("k8s4r_database_up", "Is the database there?", 0))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Fixed(metrics))
        return Answer(body=generate_latest(registry), media_type=_TEXT)


@dataclass(frozen=True, eq=False)
class _Fixed:
    """Metrics as prometheus-client wants to collect them."""

    metrics: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def _count(rounds: Sequence[None]) -> list[Numbers | DomainError]:
    now = clock.now()
    [(oldest,)] = database.rows(_OLDEST, [])
    [(total, used)] = database.rows(_SLOTS, [[str(state) for state in ATTEMPT_CURRENT]])
    numbers = Numbers(
        tasks=_counts(_TASKS, [[str(state) for state in _OPEN]]),
        oldest_s=_age_s(oldest, now),
        agents=_counts(_AGENTS),
        slots_total=total,
        slots_used=used,
    )
    return [numbers for _ in rounds]


def _counts(statement: str, parameters: Sequence[Any] = ()) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in database.rows(statement, parameters)}


def _age_s(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _of_fleet(numbers: Numbers) -> list[Metric]:
    return [
        _gauge("k8s4r_database_up", "Is the database there?", 1),
        _by("k8s4r_tasks", "Tasks that have not ended.", "state", _OPEN, numbers.tasks),
        _gauge("k8s4r_queue_oldest_seconds", "Age of the oldest waiting task.", numbers.oldest_s),
        _by("k8s4r_agents", "Agents.", "observed", list(Observed), numbers.agents),
        _gauge("k8s4r_slots_total", "Slots of agents that are online.", numbers.slots_total),
        _gauge("k8s4r_slots_used", "Slots with a current attempt.", numbers.slots_used),
    ]


def _of_process(own: Own) -> list[Metric]:
    batches = CounterMetricFamily(
        "k8s4r_gateway_batches", "Batches committed.", labels=["collector"]
    )
    items = CounterMetricFamily("k8s4r_gateway_items", "Calls in them.", labels=["collector"])
    repeated = CounterMetricFamily(
        "k8s4r_gateway_repeated", "Calls repeated one by one.", labels=["collector"]
    )
    for name, tally in own.tallies.items():
        batches.add_metric([name], tally.batches)
        items.add_metric([name], tally.items)
        repeated.add_metric([name], tally.repeated)
    return [
        batches,
        items,
        repeated,
        _gauge("k8s4r_gateway_claims_held", "Claims that wait.", own.claims_held),
        _gauge("k8s4r_gateway_followers", "Logs that are followed.", own.followers),
        _gauge("k8s4r_redis_up", "Is the subscription there?", own.redis_connected),
        CounterMetricFamily(
            "k8s4r_news_failed", "News that did not get out to Redis.", own.news_failed
        ),
        _refused(own.refused),
    ]


def _refused(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "k8s4r_credentials_refused", "Bad tokens and logins, and what was slowed.", labels=["what"]
    )
    for what in ("bad_token", "bad_login", "slowed"):
        family.add_metric([what], counts.get(what, 0))
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _by(
    name: str, text: str, label: str, values: Sequence[Any], counts: Mapping[str, int]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value in values:
        family.add_metric([str(value)], counts.get(str(value), 0))
    return family
