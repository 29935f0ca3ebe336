"""May this agent take a task with this requirement now, and if not, which rule says so?

`rule_out` is the one judge: a dispatch pass asks it once per pair, and so do the reasons that a
person reads.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.core.states import Desired, Observed
from executors.core.codes import WaitingCode
from executors.core.constraints import Constraint, evaluate
from k8s4r.core import labels as label_rules

# Which lanes a kind may use. Those of one group are as good as each other; a later group is for
# when no agent has room in an earlier one: a plan leaves the slots that can apply free.
LANES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "exec": (("general", "main"),),
    "plan": (("plan", "general"), ("main",)),
    "plan_and_apply": (("general", "main"),),
}

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A slot without a current attempt."""

    slot_id: UUID
    index: int
    lane: str = "general"


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """A slot that is kept for a decision about a plan: in which lane, and of which task."""

    lane: str
    task_id: UUID


@dataclass(frozen=True, slots=True)
class InPod:
    """That an agent is in a pod of ours: since when; ``task_id`` set, it is for that task alone."""

    since: datetime
    task_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NotNow:
    """An agent asks for no work, for this reason; ``until`` None: until it says otherwise."""

    reason: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An agent as a pass sees it; ``free_resources`` has only what it declares.

    ``changed_at`` is when what it is changed last, ``filled_at`` when its last slot was taken.
    """

    agent_id: UUID
    name: str = ""
    desired: Desired = Desired.ACTIVE
    observed: Observed = Observed.ONLINE
    labels: Mapping[str, str] = field(default_factory=dict)
    capabilities: Mapping[str, object] = field(default_factory=dict)
    device: Mapping[str, object] = field(default_factory=dict)
    free_slots: tuple[FreeSlot, ...] = ()
    total_slots: int = 0
    free_resources: Mapping[str, float] = field(default_factory=dict)
    not_now: NotNow | None = None
    note: str = ""
    changed_at: datetime | None = None
    filled_at: datetime | None = None
    held_slots: tuple[HeldSlot, ...] = ()
    pod: InPod | None = None

    @property
    def task_id(self) -> UUID | None:
        """The only task that it may get; ``None``: any."""
        return None if self.pod is None else self.pod.task_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What tasks ask of an agent; ``id`` comes from `identity`."""

    id: str
    kind: str
    driver: str
    labels: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why one candidate cannot take the task: which rule, what it needs, what was found."""

    code: WaitingCode
    rule: str
    needed: str
    found: str


def identity(requirement: Requirement, pool_id: UUID) -> str:
    """Return the id of a requirement in a pool: 32 hexadecimal digits of a hash of its content.

    The order of labels and resources does not count, nor does the ``id`` that it already has.
    """
    content = {
        "pool": str(pool_id),
        "kind": requirement.kind,
        "driver": requirement.driver,
        "labels": dict(requirement.labels),
        "constraints": [[c.ltarget, c.operand, c.rtarget] for c in requirement.constraints],
        "resources": {name: float(size) for name, size in requirement.resources.items()},
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def rule_out(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    """Return the first rule that keeps the candidate from the task, ``None`` if none does.

    First what the agent is, then whether it is there, then whether it has room: the further the
    rule, the nearer the candidate (`codes.NEARNESS`).
    """
    for judge in _JUDGES:
        exclusion = judge(requirement, candidate)
        if exclusion is not None:
            return exclusion
    return None


def lane_groups(kind: str) -> tuple[tuple[str, ...], ...]:
    """Return the lanes a kind of task may use, the preferred group first."""
    return LANES.get(kind, (("general",),))


def lanes_of(kind: str) -> tuple[str, ...]:
    """Return the lanes a kind of task may use, the preferred ones first."""
    return tuple(lane for group in lane_groups(kind) for lane in group)


def short_resource(requirement: Requirement, free: Mapping[str, float]) -> str | None:
    """Return the first resource of which there is too little; one not declared counts as 0.

    The tolerance absorbs rounding: ten tenths of a core fit into one core.
    """
    for name, needed in requirement.resources.items():
        if free.get(name, 0.0) < needed - _ROUNDING:
            return name
    return None


def _revoked(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    if candidate.desired is not Desired.REVOKED:
        return None
    return Exclusion(WaitingCode.NO_AGENTS, "desired", Desired.ACTIVE, candidate.desired)


def _driver_missing(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    """An agent that never opened a session has not said what it can: it counts as away."""
    drivers = candidate.capabilities.get("drivers")
    if isinstance(drivers, list | tuple | Mapping) and requirement.driver in drivers:
        return None
    if drivers is None and candidate.observed is not Observed.ONLINE:
        return None
    found = ", ".join(map(str, drivers)) if isinstance(drivers, list | tuple | Mapping) else ""
    return Exclusion(
        WaitingCode.CAPABILITY_MISSING, "capabilities.drivers", requirement.driver, found
    )


def _labels_missing(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    key = label_rules.first_missing(requirement.labels, candidate.labels)
    if key is None:
        return None
    found = candidate.labels.get(key, "")
    return Exclusion(WaitingCode.LABELS_MISSING, f"labels.{key}", requirement.labels[key], found)


def _constraint_unmet(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    if not requirement.constraints:
        return None
    facts = {
        "labels": candidate.labels,
        "capabilities": candidate.capabilities,
        "device": candidate.device,
    }
    for constraint in requirement.constraints:
        verdict = evaluate(constraint, facts)
        if not verdict.ok:
            needed = f"{constraint.operand} {constraint.rtarget}"
            found = verdict.found or ""
            return Exclusion(WaitingCode.CONSTRAINT_UNMET, constraint.ltarget, needed, found[:200])
    return None


def _away(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    if candidate.observed is Observed.ONLINE:
        return None
    return Exclusion(WaitingCode.NO_AGENT_ONLINE, "observed", Observed.ONLINE, candidate.observed)


def _paused(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    if candidate.desired is Desired.ACTIVE:
        return None
    found = f"{candidate.desired}: {candidate.note}" if candidate.note else candidate.desired
    return Exclusion(WaitingCode.PAUSED, "desired", Desired.ACTIVE, found[:200])


def _not_now(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    asked = candidate.not_now
    if asked is None:
        return None
    until = f", until {asked.until:%Y-%m-%dT%H:%M:%SZ}" if asked.until else ""
    found = f"{asked.reason[:200]}{until}"
    return Exclusion(WaitingCode.NOT_NOW, "not_now", "an agent that takes work", found)


def _resources_short(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    name = short_resource(requirement, candidate.free_resources)
    if name is None:
        return None
    needed, found = requirement.resources[name], candidate.free_resources.get(name, 0.0)
    return Exclusion(WaitingCode.RESOURCES_SHORT, f"resources.{name}", f"{needed:g}", f"{found:g}")


def _no_slot(requirement: Requirement, candidate: Candidate) -> Exclusion | None:
    lanes = lanes_of(requirement.kind)
    if any(slot.lane in lanes for slot in candidate.free_slots):
        return None
    kept = next((held for held in candidate.held_slots if held.lane in lanes), None)
    if kept is not None:
        found = f"kept for a decision about task {kept.task_id}"
        return Exclusion(WaitingCode.LANE_RESERVED, "free_slots.held", "a free slot", found)
    if not candidate.free_slots:
        found = f"0 of {candidate.total_slots}"
        return Exclusion(WaitingCode.SLOTS_FULL, "free_slots", "1", found)
    found = ", ".join(sorted({slot.lane for slot in candidate.free_slots}))
    return Exclusion(WaitingCode.LANE_FULL, "free_slots.lane", " or ".join(lanes), found)


_JUDGES: Final[tuple[Callable[[Requirement, Candidate], Exclusion | None], ...]] = (
    _revoked,
    _driver_missing,
    _labels_missing,
    _constraint_unmet,
    _away,
    _paused,
    _not_now,
    _resources_short,
    _no_slot,
)
