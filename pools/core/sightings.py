"""What do we know of a config's pods, what was seen of them, and what follows? Values alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from pools.core.failures import Patience
from pools.core.pods import PodEvent, PodFailure, PodState
from pools.core.ports import PodSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPod:
    """A row of a pod that is not gone.

    ``has_connected``: its agent opened a session once; ``is_here``: it has one now;
    ``is_draining``: its agent was asked to finish.
    """

    id: UUID
    pool_id: UUID
    name: str
    state: PodState
    created_at: datetime
    uid: str = ""
    node: str = ""
    failure: PodFailure = PodFailure.NONE
    message: str = ""
    shielded: bool = False
    has_connected: bool = False
    is_here: bool = False
    is_draining: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When to believe a list.

    ``missing_pods`` and ``missing_share``: more than both of a pool at once is held. ``believe``:
    so much later must the list be that agrees. ``stray_age``: younger pods may have a row that was
    made after we looked.
    """

    missing_pods: int = 3
    missing_share: float = 0.3
    believe: timedelta = timedelta(seconds=10)
    stray_age: timedelta = timedelta(minutes=2)
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What earlier lists led to.

    ``odd``: ids of rows whose pods were missing, and uids of pods that had no row, ``since`` then.
    """

    cluster_uid: str = ""
    odd: frozenset[str] = frozenset()
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen: which cluster, the listed pods, those asked for by name, and nodes.

    A name that is not in ``asked`` was not asked for, or nobody answered; a node likewise.
    """

    cluster_uid: str
    pods: Sequence[PodSeen]
    asked: Mapping[str, PodSeen | None] = field(default_factory=dict)
    nodes: Mapping[str, bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the row of a pod is to say, nothing of its state; ``None`` keeps what it says."""

    pod_id: UUID
    uid: str | None = None
    node: str | None = None
    failure: PodFailure | None = None
    message: str | None = None
    shielded: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to write, and which pods without a row to delete.

    ``create`` and ``delete``: what was asked for and has not happened; to ask twice is harmless.
    ``held``: pods that are missing, and not believed to be. ``alarm``: a code and a sentence, or
    empty. ``memory`` is for the next list.
    """

    memory: Memory
    notes: Sequence[Note] = ()
    events: Mapping[PodEvent, Sequence[UUID]] = field(default_factory=dict)
    create: Sequence[UUID] = ()
    delete: Sequence[UUID] = ()
    strays: Sequence[PodSeen] = ()
    held: Sequence[UUID] = ()
    alarm: str = ""
