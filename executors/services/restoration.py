"""What may a database believe that was set back to an earlier moment?

    what it says            what may be true              what follows
    has an attempt          ended since, or still runs    unknown: the agent that lists it adopts
                                                          it, else a person says how it ended
    a plan that waits       applied or dropped since      no approval until its agent lists it;
                                                          one that has it no more makes it unknown
    waits                   ran since                     its pool is paused until a person looked
    nothing                 an agent runs it              the agent is told to stop it (`sessions`)

So nothing runs twice unless a person says so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from agents.core.states import Observed, Sign, observed_after
from agents.models import Agent
from agents.services import generations
from executors.core.lifecycle import ATTEMPT_CURRENT, AttemptState, TaskState
from executors.core.reunion import RESTORED
from executors.models import Attempt, Task
from executors.services import adoption, rows
from k8s4r.audit import attribution
from pools.models import Pool

AT_ONCE: Final = 1_000
# A plan that is held runs nothing: it stays what it is until its agent says whether it has it.
_UNSURE: Final = frozenset({AttemptState.UNKNOWN, AttemptState.HELD})
_DOUBT: Final = (
    "The database was restored to a moment before this task's end could be known. An agent that "
    "still has it goes on; else say how it ended."
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a person has to look at after a restore."""

    generation: int
    unknown: int
    waiting: int
    paused_pools: tuple[str, ...]


@transaction.atomic
def begin_generation(*, now: datetime, backup_at: datetime | None) -> Restored:
    """Begin a new generation of the database; nothing else may work on it meanwhile.

    Locks: the pools, then the tasks and attempts that are open, by pk.
    """
    attribution.attribute(attribution.SYSTEM, cause="restore")
    paused = _pause_pools(now=now)
    _take_agents_away(now=now)
    _doubt_everything(now=now)
    generation = generations.begin(now=now, backup_at=backup_at)
    return Restored(
        generation=generation.number,
        unknown=Task.objects.filter(state=TaskState.UNKNOWN).count(),
        waiting=Task.objects.filter(state=TaskState.PENDING).count(),
        paused_pools=paused,
    )


def _pause_pools(*, now: datetime) -> tuple[str, ...]:
    """Pause the pools in which something waits; return all that are paused now, by name."""
    waiting = Task.objects.filter(state=TaskState.PENDING).values("pool").distinct()
    pools = Pool.objects.filter(pk__in=waiting).select_related("project").order_by("pk")
    for pool in pools.select_for_update(of=("self",), no_key=True):
        if not pool.paused:
            pool.paused, pool.changed_at = True, now
            pool.save(update_fields=["paused", "changed_at"])
    return tuple(sorted(f"{pool.project.name}/{pool.name}" for pool in pools))


def _take_agents_away(*, now: datetime) -> None:
    """Count agents as away until they say what they hold."""
    away = observed_after(Observed.ONLINE, Sign.SILENT)
    Agent.objects.filter(observed=Observed.ONLINE).update(observed=away, changed_at=now)


def _doubt_everything(*, now: datetime) -> None:
    """Move every open attempt to unknown, and mark that this is why."""
    sure = Attempt.objects.filter(state__in=ATTEMPT_CURRENT - _UNSURE)
    ids = list(sure.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        batch = ids[start : start + AT_ONCE]
        adoption.doubt(batch, rows.lock(batch), now=now)
    Attempt.objects.filter(state__in=_UNSURE).update(reason=RESTORED)
    Task.objects.filter(state=TaskState.UNKNOWN).update(reason=RESTORED, message=_DOUBT)
