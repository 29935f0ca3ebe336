"""What do the numbers look like to Prometheus? Values to samples, by the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from agents.core.states import Desired, Observed
from executors.core.lifecycle import TaskState
from executors.gateway.catalogue import METRICS, Described, Kind
from executors.gateway.durations import Durations
from executors.operating.core.notices import State
from executors.operating.selectors import ENDED, OPEN, Fleet
from executors.operating.supply import Supply
from executors.services.pulses import AUDIT_SEAL, BACKUP
from k8s4r.api.collector import Tally
from pools.core.pods import ActionKind

# Per metric: the values of its labels, and its value.
Samples: TypeAlias = Sequence[tuple[tuple[str, ...], float | Durations]]

_BAD_ENDS = (TaskState.FAILED, TaskState.TIMED_OUT)
_BAD_CREDENTIALS = ("bad_token", "bad_login", "slowed")


@dataclass(frozen=True, slots=True)
class Own:
    """What the process knows of itself at this moment."""

    tallies: Mapping[str, Tally]
    claims_held: int
    followers: int
    news_failed: int
    redis_connected: bool
    reports: int
    slot_drift: int
    credentials: Mapping[str, int]
    passes: Durations


def of_process(own: Own) -> list[Metric]:
    """Return what one process says of itself."""
    tallies = own.tallies.items()
    samples: dict[str, Samples] = {
        "k8s4r_redis_up": _one(own.redis_connected),
        "k8s4r_news_failed_total": _one(own.news_failed),
        "k8s4r_credentials_refused_total": [
            ((what,), own.credentials.get(what, 0)) for what in _BAD_CREDENTIALS
        ],
        "k8s4r_dispatch_pass_seconds": [((), own.passes)],
        "k8s4r_reports_total": _one(own.reports),
        "k8s4r_slot_drift_total": _one(own.slot_drift),
        "k8s4r_gateway_claims_held": _one(own.claims_held),
        "k8s4r_gateway_followers": _one(own.followers),
        "k8s4r_gateway_batches_total": [((name,), tally.batches) for name, tally in tallies],
        "k8s4r_gateway_items_total": [((name,), tally.items) for name, tally in tallies],
        "k8s4r_gateway_repeated_total": [((name,), tally.repeated) for name, tally in tallies],
    }
    return _families(samples)


def of_database(fleet: Fleet | None) -> list[Metric]:
    """Return what was counted; ``None``: the database is away."""
    if fleet is None:
        return _families({"k8s4r_database_up": _one(0)})
    samples = {"k8s4r_database_up": _one(1)} | _of_pools(fleet) | _of_tasks(fleet)
    samples |= _of_capacity(fleet) | _of_pods(fleet.supply) | _of_clusters(fleet.supply)
    return _families(samples | _of_ourselves(fleet))


def _of_pools(fleet: Fleet) -> dict[str, Samples]:
    pools = [((place.project, place.pool), numbers) for place, numbers in fleet.pools.items()]
    return {
        "k8s4r_tasks": [
            ((*place, str(state)), numbers.tasks.get(state, 0))
            for place, numbers in pools
            for state in OPEN
        ],
        "k8s4r_tasks_waiting": [
            ((*place, reason), count)
            for place, numbers in pools
            for reason, count in numbers.waiting.items()
        ],
        "k8s4r_queue_oldest_seconds": [(place, numbers.oldest_s) for place, numbers in pools],
        "k8s4r_pool_slots": [(place, numbers.slots_total) for place, numbers in pools],
        "k8s4r_pool_slots_used": [(place, numbers.slots_used) for place, numbers in pools],
    }


def _of_tasks(fleet: Fleet) -> dict[str, Samples]:
    ended = dict.fromkeys(map(str, ENDED), 0)
    for (state, _), count in fleet.outcomes.items():
        ended[state] += count
    return {
        "k8s4r_waiting_oldest_seconds": [((one,), age) for one, age in fleet.oldest_s.items()],
        "k8s4r_tasks_ended_total": [((outcome,), count) for outcome, count in ended.items()],
        "k8s4r_task_failures_total": [
            (ending, count) for ending, count in fleet.outcomes.items() if ending[0] in _BAD_ENDS
        ],
    }


def _of_capacity(fleet: Fleet) -> dict[str, Samples]:
    return {
        "k8s4r_agents": [
            ((str(desired), str(observed)), fleet.agents.get((desired, observed), 0))
            for desired in Desired
            for observed in Observed
        ],
        "k8s4r_slots": _one(fleet.slots_total),
        "k8s4r_slots_used": _one(fleet.slots_used),
    }


def _of_pods(supply: Supply) -> dict[str, Samples]:
    sizes = supply.sizes.items()
    return {
        "k8s4r_pods": [(names, number) for names, number in supply.pods.items()],
        "k8s4r_pods_failing": [(names, number) for names, number in supply.failing.items()],
        "k8s4r_pod_slots": [(names, number) for names, number in supply.slots.items()],
        "k8s4r_pool_pods_desired": [(names, size.desired) for names, size in sizes],
        "k8s4r_pool_pods_ready": [(names, size.ready) for names, size in sizes],
        "k8s4r_pool_pods_max": [(names, size.most) for names, size in sizes],
        "k8s4r_scaling_decisions": [(names, number) for names, number in supply.decisions.items()],
        "k8s4r_pod_actions_pending": [
            ((str(kind),), supply.pending.get(kind, 0)) for kind in ActionKind
        ],
        "k8s4r_pod_action_oldest_seconds": _one(supply.oldest_s),
    }


def _of_clusters(supply: Supply) -> dict[str, Samples]:
    """Return how clusters are reached; one that was never listed has no age."""
    clusters = supply.clusters.items()
    return {
        "k8s4r_cluster_seen_age_seconds": [
            (names, seen.age_s) for names, seen in clusters if seen.age_s is not None
        ],
        "k8s4r_cluster_failures": [(names, seen.failures) for names, seen in clusters],
        "k8s4r_cluster_alarm": [(names, seen.is_alarmed) for names, seen in clusters],
    }


def _of_ourselves(fleet: Fleet) -> dict[str, Samples]:
    """Return how the control plane does; what has never happened is absent."""
    pulses = dict(fleet.pulses_s)
    backup, seal = pulses.pop(BACKUP, None), pulses.pop(AUDIT_SEAL, None)
    samples: dict[str, Samples] = {
        "k8s4r_notifications": [
            ((str(state),), fleet.notifications.get(state, 0)) for state in State
        ],
        "k8s4r_generation": _one(fleet.generation),
        "k8s4r_job_age_seconds": [((job,), age) for job, age in fleet.jobs_s.items()],
        "k8s4r_pulse_age_seconds": [((source,), age) for source, age in pulses.items()],
    }
    if backup is not None:
        samples["k8s4r_backup_age_seconds"] = _one(backup)
    if seal is not None:
        samples["k8s4r_audit_seal_age_seconds"] = _one(seal)
    return samples


def _one(value: float) -> Samples:
    return [((), value)]


def _families(samples: Mapping[str, Samples]) -> list[Metric]:
    return [_family(METRICS[name], values) for name, values in samples.items()]


def _family(metric: Described, samples: Samples) -> Metric:
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.family, metric.meaning, labels=metric.labels)
        for labels, value in samples:
            assert isinstance(value, Durations)
            histogram.add_metric(labels, value.buckets(), value.sum_s)
        return histogram
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.family, metric.meaning, labels=metric.labels)
    for labels, value in samples:
        assert not isinstance(value, Durations)
        family.add_metric(labels, value)
    return family
