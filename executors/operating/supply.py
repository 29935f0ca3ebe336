"""What of pods and clusters do operators count? Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from executors.core.lifecycle import CURRENT_WORDS
from k8s4r import database

# A project and a pool, or a project and a K8s config, by name; and what else tells rows apart.
Names: TypeAlias = tuple[str, ...]
LOOKED_BACK: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a pool of pods is to be and is, in pods."""

    desired: int
    ready: int
    most: int


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """How long ago a cluster was listed (None: never), and how that went since."""

    age_s: float | None
    failures: int
    is_alarmed: bool


@dataclass(frozen=True, slots=True)
class Supply:
    """Numbers by project and pool, and: state; failure; lane and status; code of a decision.

    ``pending`` and ``oldest_s`` are of actions on pods, by kind; ``clusters`` are by project and
    name of the config.
    """

    pods: Mapping[Names, int]
    failing: Mapping[Names, int]
    slots: Mapping[Names, int]
    sizes: Mapping[Names, Size]
    decisions: Mapping[Names, int]
    pending: Mapping[str, int]
    oldest_s: float
    clusters: Mapping[Names, ClusterSeen]


_PLACE: Final = "JOIN access_project j ON j.id = o.project_id"
_PODS: Final = f"""
SELECT j.name, o.name, p.state, p.failure, count(*)
FROM pools_pod p JOIN pools_pool o ON o.id = p.pool_id {_PLACE}
WHERE p.state <> 'gone' GROUP BY 1, 2, 3, 4
"""  # noqa: S608  # of fixed text
_SLOTS: Final = f"""
SELECT j.name, o.name, s.lane,
       CASE WHEN c.state = 'held' THEN 'reserved' WHEN c.id IS NOT NULL THEN 'running'
            WHEN a.observed = 'online' AND a.desired = 'active' THEN 'idle' ELSE 'away' END,
       count(*)
FROM pools_pod p JOIN pools_pool o ON o.id = p.pool_id {_PLACE}
JOIN agents_agent a ON a.id = p.agent_id
JOIN agents_slot s ON s.agent_id = p.agent_id AND s.retired_at IS NULL
LEFT JOIN executors_attempt c ON c.slot_id = s.id AND c.state = ANY(%(current)s)
WHERE p.state <> 'gone' GROUP BY 1, 2, 3, 4
"""  # noqa: S608  # of fixed text
_SIZES: Final = f"""
SELECT j.name, o.name, coalesce(d.desired, 0), coalesce(d.ready, 0), o.max_pods
FROM pools_pool o {_PLACE}
LEFT JOIN LATERAL (SELECT desired, ready FROM pools_scalingdecision
                   WHERE pool_id = o.id ORDER BY id DESC LIMIT 1) d ON true
WHERE o.k8s_config_id IS NOT NULL AND o.archived_at IS NULL
"""  # noqa: S608  # of fixed text
# Looks come every 5 s: an hour has no more than these.
_DECISIONS: Final = f"""
SELECT j.name, o.name, d.code, sum(d.times)::bigint
FROM pools_pool o {_PLACE},
LATERAL (SELECT code, times, until FROM pools_scalingdecision
         WHERE pool_id = o.id ORDER BY id DESC LIMIT 720) d
WHERE o.k8s_config_id IS NOT NULL AND o.archived_at IS NULL AND d.until >= %(since)s
GROUP BY 1, 2, 3
"""  # noqa: S608  # of fixed text
_ACTIONS: Final = """
SELECT kind, count(*), min(not_before) FROM pools_podaction WHERE state = 'pending' GROUP BY kind
"""
_CLUSTERS: Final = f"""
SELECT j.name, o.name, r.observed_at, r.failures, r.alarm <> ''
FROM pools_reach r JOIN pools_k8sconfig o ON o.id = r.config_id {_PLACE}
WHERE o.archived_at IS NULL AND o.active
"""  # noqa: S608  # of fixed text


def supply(*, now: datetime) -> Supply:
    """Count pods, their slots, what is to be done to them, and clusters, in six statements."""
    pods = database.rows(_PODS)
    actions = database.rows(_ACTIONS)
    oldest = [row[2] for row in actions]
    return Supply(
        pods=_summed([((*row[:3],), row[4]) for row in pods]),
        failing=_summed([((row[0], row[1], row[3]), row[4]) for row in pods if row[3]]),
        slots=_named(database.rows(_SLOTS, {"current": CURRENT_WORDS})),
        sizes={(row[0], row[1]): Size(*row[2:]) for row in database.rows(_SIZES)},
        decisions=_named(database.rows(_DECISIONS, {"since": now - LOOKED_BACK})),
        pending={row[0]: row[1] for row in actions},
        oldest_s=max((_age_s(moment, now) for moment in oldest), default=0.0),
        clusters={(row[0], row[1]): _cluster(row[2:], now) for row in database.rows(_CLUSTERS)},
    )


def _cluster(row: tuple[Any, ...], now: datetime) -> ClusterSeen:
    observed_at, failures, is_alarmed = row
    age_s = None if observed_at is None else _age_s(observed_at, now)
    return ClusterSeen(age_s, failures, is_alarmed)


def _named(rows: list[tuple[Any, ...]]) -> dict[Names, int]:
    return {(*names,): number for *names, number in rows}


def _summed(rows: list[tuple[Names, int]]) -> dict[Names, int]:
    found: dict[Names, int] = {}
    for names, number in rows:
        found[names] = found.get(names, 0) + number
    return found


def _age_s(moment: datetime, now: datetime) -> float:
    """Return how long ago it was; what is due later is not old."""
    return max(0.0, (now - moment).total_seconds())
