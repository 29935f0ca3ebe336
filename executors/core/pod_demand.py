"""What do waiting tasks ask of the pods of a pool? Only what pods could give, and what may run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from agents.core.states import Observed
from executors.core.codes import WaitingCode
from executors.core.fairness import OwnerKey, Queued, Shares, in_turn
from executors.core.qualification import Candidate, Requirement, lanes_of, rule_out
from executors.core.selection import Limits
from k8s4r.core import labels as label_rules

# What no further pod of the same kind would change.
_NEVER: Final = frozenset(
    {WaitingCode.CAPABILITY_MISSING, WaitingCode.LABELS_MISSING, WaitingCode.CONSTRAINT_UNMET}
)
_NEVER_WHEN_EMPTY: Final = _NEVER | {WaitingCode.RESOURCES_SHORT}
# As they are alike, nobody asks more of them than these.
_ASKED: Final = 20


def would_help(
    requirement: Requirement, candidates: Sequence[Candidate], labels: Mapping[str, str]
) -> bool:
    """Could a new pod take such a task, by what those that are there can?

    ``labels`` are what every pod of the pool carries. Pods of one pool are alike, so that an empty
    one tells what a new one will be; while none is there, labels alone tell.
    """
    if label_rules.first_missing(requirement.labels, labels) is not None:
        return any(_could(requirement, one, _NEVER) for one in _online(candidates))
    empty = [one for one in _online(candidates) if len(one.free_slots) == one.total_slots]
    if empty:
        return any(_could(requirement, one, _NEVER_WHEN_EMPTY) for one in empty[:_ASKED])
    online = _online(candidates)[:_ASKED]
    return not online or any(_could(requirement, one, _NEVER) for one in online)


def may_run(
    queue: Iterable[Queued],
    *,
    held: Mapping[OwnerKey, int],
    limits: Limits,
    aging_weight_s: float,
) -> Iterator[Queued]:
    """Yield the tasks that could run at once if there were pods, in turn and within limits."""
    shares = Shares(held, limits.weights)
    for task in in_turn(queue, shares=shares, aging_weight_s=aging_weight_s):
        if limits.max_concurrent is not None and shares.total >= limits.max_concurrent:
            return
        if limits.per_owner is not None and shares.by_owner[task.owner_id] >= limits.per_owner:
            continue
        shares.took_slot(task)
        yield task


def lanes(queue: Iterable[Queued], requirements: Mapping[str, Requirement]) -> Counter[str]:
    """Count the tasks by the lane of a pod with slots that they need; ``""``: by none."""
    waiting: Counter[str] = Counter()
    for identity, count in Counter(task.requirement_id for task in queue).items():
        waiting[_lane(requirements[identity].kind)] += count
    return waiting


def _lane(kind: str) -> str:
    return next((lane for lane in lanes_of(kind) if lane in {"plan", "main"}), "")


def _could(requirement: Requirement, candidate: Candidate, never: frozenset[WaitingCode]) -> bool:
    exclusion = rule_out(requirement, candidate)
    return exclusion is None or exclusion.code not in never


def _online(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [one for one in candidates if one.observed is Observed.ONLINE]
