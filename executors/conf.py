"""Which policies do the environment's settings make? Read once, checked once."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings

from executors.core.leases import LeasePolicy
from executors.services.retention import RetentionPolicy
from pools import conf as pool_conf
from pools.core import manifests
from pools.models import Pool
from pools.services import shaping

# Rows a sweep handles in one transaction: 500 lost attempts hold their locks for about 0.2 s.
SWEEP_LIMIT: Final = 500


@cache
def leases() -> LeasePolicy:
    """Return every duration of the lease.

    Raises:
        ValueError: the durations do not fit each other; the message names the settings.
    """
    env = settings.ENV
    return LeasePolicy(
        heartbeat=timedelta(seconds=env.heartbeat_s),
        offline_after=timedelta(seconds=env.offline_after_s),
        requeue_grace=timedelta(seconds=env.requeue_grace_s),
        stop_margin=timedelta(seconds=env.stop_margin_s),
        kill_grace=timedelta(seconds=env.kill_grace_s),
        outage_gap=timedelta(seconds=env.outage_gap_s),
        min_lost_after_s=env.min_lost_after_s,
    )


def sweep_limit() -> int:
    """Return how many rows one transaction of a sweep takes at most."""
    return SWEEP_LIMIT


def aging_weight_s() -> float:
    """Return how many seconds of waiting are worth one point of priority."""
    weight_s: float = settings.ENV.aging_weight_s
    return weight_s


def body_patience_s() -> float:
    """Return within how many seconds the body of a request must come.

    A whole message comes in one piece from every well-meaning client.
    """
    patience_s: float = settings.ENV.body_patience_s
    return patience_s


def artifact_patience_s() -> float:
    """Return the same for an artifact's: by default one megabit a second brings the largest in."""
    patience_s: float = settings.ENV.artifact_patience_s
    return patience_s


@cache
def retention() -> RetentionPolicy:
    """Return how long what has ended is kept."""
    return RetentionPolicy(
        tasks=timedelta(days=settings.ENV.task_retention_days),
        event_months=settings.ENV.event_retention_months,
    )


def artifacts_dir() -> Path:
    """Return the folder in which the bytes of artifacts lie."""
    folder: Path = settings.ARTIFACTS_DIR
    return folder


def pod_fingerprint(pool: Pool) -> str:
    """Return the digest of what a pod of the pool would look like today."""
    return manifests.template_hash(shaping.ground(pool, platform=pool_conf.platform()))
