"""Which state may a pod of ours move to, and by what? And why do pods fail?

    creating --created--> starting --connected--> ready --drain--> draining
    draining --delete--> deleting --gone--> gone
    any live state --out_of_sight--> unknown --created, connected, drain, delete--> back, or gone
    any live state --failed--> failed --delete--> deleting

Gone only when Kubernetes says so. ``unknown`` and ``failed`` count against the most a pool may
have until they are gone. PostgreSQL repeats the law (`pools/migrations`).
"""

from enum import StrEnum
from typing import Final


class PodMode(StrEnum):
    """What a pod of a pool is for; empty for pools without pods."""

    NONE = ""
    SLOTS = "slots"
    TASK = "task"


class PodState(StrEnum):
    """What we know and want of a pod."""

    CREATING = "creating"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    DELETING = "deleting"
    UNKNOWN = "unknown"
    FAILED = "failed"
    GONE = "gone"


class PodEvent(StrEnum):
    """What can happen to a pod. ``connected``: its agent opened a session."""

    CREATED = "created"
    CONNECTED = "connected"
    DRAIN = "drain"
    DELETE = "delete"
    OUT_OF_SIGHT = "out_of_sight"
    FAILED = "failed"
    GONE = "gone"


class PodFailure(StrEnum):
    """Why a pod does not work; stable API."""

    NONE = ""
    IMAGE_PULL = "image_pull"
    UNSCHEDULABLE = "unschedulable"
    QUOTA = "quota"
    OOM_KILLED = "oom_killed"
    EVICTED = "evicted"
    AGENT_NEVER_CONNECTED = "agent_never_connected"
    CRASH_LOOP = "crash_loop"
    NODE_LOST = "node_lost"


class ActionKind(StrEnum):
    """What is done to a pod in its cluster; ``shield`` and ``unshield`` are one patch each."""

    CREATE = "create"
    SHIELD = "shield"
    UNSHIELD = "unshield"
    DELETE = "delete"


class ActionState(StrEnum):
    """``pending`` is tried until it succeeds or its pod is gone; then it is ``done``."""

    PENDING = "pending"
    DONE = "done"


_S, _E = PodState, PodEvent

# States in which a pod may still take or do work.
LIVE: Final = frozenset({_S.CREATING, _S.STARTING, _S.READY, _S.DRAINING, _S.UNKNOWN})
# What serves demand, now or soon.
SERVING: Final = frozenset({_S.CREATING, _S.STARTING, _S.READY})
# What counts against the most a pool may have.
COUNTED: Final = frozenset(_S) - {_S.GONE}

TABLE: Final[dict[tuple[PodState, PodEvent], PodState]] = {
    (_S.CREATING, _E.CREATED): _S.STARTING,
    (_S.CREATING, _E.CONNECTED): _S.READY,
    (_S.STARTING, _E.CONNECTED): _S.READY,
    (_S.UNKNOWN, _E.CREATED): _S.STARTING,
    (_S.UNKNOWN, _E.CONNECTED): _S.READY,
    **{(state, _E.DRAIN): _S.DRAINING for state in (*SERVING, _S.UNKNOWN)},
    **{(state, _E.DELETE): _S.DELETING for state in (_S.DRAINING, _S.FAILED, _S.UNKNOWN)},
    **{(state, _E.OUT_OF_SIGHT): _S.UNKNOWN for state in LIVE - {_S.UNKNOWN}},
    **{(state, _E.FAILED): _S.FAILED for state in LIVE},
    **{(state, _E.GONE): _S.GONE for state in COUNTED},
}
