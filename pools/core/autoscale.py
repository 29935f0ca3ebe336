"""How many pods should a pool have now, which of them may go, and why?

    needed  = the fewest pods that serve every lane: what runs, waits, or is kept for a person
    desired = needed and the warm spares, at least the least and at most the most
    make    = what is missing, as far as the most and the surge allow; nothing while pods fail
    drain   = idle pods only, once they were idle for the cooldown

A pod with anything on it is never named. What names one is a wish: whoever drains asks again under
the agent's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from pools.core.outlook import COMING, Outlook
from pools.core.pods import SERVING, PodState

SLOTS_OF_A_POD: Final = 3


class ScalingCode(StrEnum):
    """What a look at a pool led to; stable API."""

    STEADY = "steady"
    SCALE_OUT = "scale_out"
    SCALE_IN = "scale_in"
    TASK_OVER = "task_over"
    COOLING_DOWN = "cooling_down"
    IN_USE = "in_use"
    REPLACING = "replacing"
    SURGE = "surge"
    AT_MOST = "at_most"
    POOL_HELD = "pool_held"
    POD_FAILING = "pod_failing"
    CONFIG_INACTIVE = "config_inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Work of one lane: slots that work, slots kept for a decision, tasks that wait for one."""

    busy: int = 0
    held: int = 0
    queued: int = 0

    @property
    def slots(self) -> int:
        """How many slots of the lane it takes."""
        return self.busy + self.held + self.queued


class Demand(Protocol):
    """What the tasks of a pool need of its pods."""

    @property
    def loads(self) -> dict[str, Load]:
        """By lane."""

    @property
    def pods(self) -> int:
        """The fewest pods that serve every lane."""


@dataclass(frozen=True, slots=True)
class SlotDemand:
    """What pods with slots are needed for. Plans may take main slots too, never the other way."""

    main: Load = field(default_factory=Load)
    plan: Load = field(default_factory=Load)

    @property
    def loads(self) -> dict[str, Load]:
        return {"main": self.main, "plan": self.plan}

    @property
    def pods(self) -> int:
        together = self.main.slots + self.plan.slots
        return max(self.main.slots, -(-together // SLOTS_OF_A_POD))


@dataclass(frozen=True, slots=True)
class TaskDemand:
    """What pods for one task each are needed for."""

    general: Load = field(default_factory=Load)

    @property
    def loads(self) -> dict[str, Load]:
        return {"general": self.general}

    @property
    def pods(self) -> int:
        return self.general.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod that is not gone, as its agent's id and what matters here.

    ``is_spare``: nothing is on it, and nothing waits for it alone. ``is_over``: what it was made
    for has ended. ``is_outdated``: it would be made in another way today.
    """

    agent_id: UUID
    state: PodState
    created_at: datetime
    idle_since: datetime | None = None
    is_spare: bool = False
    is_over: bool = False
    is_outdated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """What people set: bounds and spares in pods, how long a pod stays idle, how many at once."""

    least: int = 0
    most: int = 10
    spares: int = 0
    cooldown: timedelta = timedelta(minutes=5)
    surge: int = 10
    is_held: bool = False
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What to do, with the numbers it follows from; ``drain`` are agents of pods, in order."""

    desired: int
    serving: int
    ready: int
    counted: int
    make: int
    drain: tuple[UUID, ...]
    code: ScalingCode
    reason: str


def decide(
    demand: Demand,
    pods: Sequence[PodView],
    policy: ScalingPolicy,
    outlook: Outlook,
    *,
    now: datetime,
) -> Scaling:
    """Decide about a pool; the order in which its pods are listed does not count."""
    look = _Look(demand, pods, policy, outlook, now)
    make, hindrance = look.make()
    drain, cause = look.drain()
    code = hindrance if hindrance and (make or not drain) else cause
    return Scaling(
        desired=look.desired,
        serving=len(look.serving),
        ready=sum(pod.state is PodState.READY for pod in look.serving),
        counted=len(pods),
        make=make,
        drain=drain,
        code=code,
        reason=look.reason(code, make, len(drain)),
    )


class _Look:
    """One look at a pool: how many pods serve, how many should."""

    def __init__(
        self,
        demand: Demand,
        pods: Sequence[PodView],
        policy: ScalingPolicy,
        outlook: Outlook,
        now: datetime,
    ) -> None:
        self.demand, self.policy, self.outlook, self.now = demand, policy, outlook, now
        self.pods = sorted(pods, key=lambda pod: (pod.created_at, pod.agent_id.int))
        self.serving = [pod for pod in self.pods if pod.state in SERVING and not pod.is_over]
        self.wanted = max(demand.pods + policy.spares, policy.least)
        self.desired = min(self.wanted, policy.most)

    def make(self) -> tuple[int, ScalingCode | None]:
        """Return how many pods to make; and why fewer than are missing, or that they are made."""
        missing = self.desired - len(self.serving)
        if missing <= 0:
            return 0, ScalingCode.AT_MOST if self.wanted > self.policy.most else None
        room = max(self.policy.most - len(self.pods), 0)
        make = min(missing, room, self._surge())
        for code, applies in (
            (ScalingCode.CONFIG_INACTIVE, not self.policy.is_active),
            (ScalingCode.POOL_HELD, self.policy.is_held),
            (ScalingCode.POD_FAILING, self._waits_after_failure()),
            (ScalingCode.AT_MOST, not room),
            (ScalingCode.SURGE, not make),
        ):
            if applies:
                return 0, code
        return make, ScalingCode.SCALE_OUT

    def drain(self) -> tuple[tuple[UUID, ...], ScalingCode]:
        """Return the pods that may go, and the reason of that, or of none."""
        over = [pod for pod in self.pods if pod.is_over and pod.is_spare and pod.state in SERVING]
        if over:
            return _agents(over), ScalingCode.TASK_OVER
        surplus = len(self.serving) - self.desired
        if surplus > 0:
            return self._surplus(surplus)
        outdated = () if surplus else self._outdated()
        return outdated, ScalingCode.REPLACING if outdated else ScalingCode.STEADY

    def reason(self, code: ScalingCode, make: int, drain: int) -> str:
        """Say it to people, with the numbers."""
        loads = self.demand.loads.items()
        work = "; ".join(
            f"{lane}: {one.busy} busy, {one.held} held, {one.queued} queued" for lane, one in loads
        )
        policy = self.policy
        bounds = f"{policy.least} to {policy.most}, {policy.spares} spare"
        head = f"{len(self.serving)} of {self.desired} pods serve, {bounds}; {work}"
        return f"{head}: {self._what(code, make, drain)}"[:500]

    def _what(self, code: ScalingCode, make: int, drain: int) -> str:
        cooldown_s = int(self.policy.cooldown.total_seconds())
        return {
            ScalingCode.STEADY: "nothing to do",
            ScalingCode.SCALE_OUT: "1 more is made" if make == 1 else f"{make} more are made",
            ScalingCode.SCALE_IN: "1 idle one goes" if drain == 1 else f"{drain} idle ones go",
            ScalingCode.TASK_OVER: "1 goes, its task is over"
            if drain == 1
            else f"{drain} go, their tasks are over",
            ScalingCode.COOLING_DOWN: f"idle ones go after {cooldown_s} s",
            ScalingCode.IN_USE: "none of the surplus is idle",
            ScalingCode.REPLACING: "an idle one goes, as the pod template has changed",
            ScalingCode.SURGE: f"no more than {self._surge_limit()} at once are on their way",
            ScalingCode.AT_MOST: f"{len(self.pods)} exist, those that are not gone yet included",
            ScalingCode.POOL_HELD: "none is made while the pool is held",
            ScalingCode.POD_FAILING: self._failing(),
            ScalingCode.CONFIG_INACTIVE: "none is made while the K8s config is inactive",
        }[code]

    def _failing(self) -> str:
        last, at = self.outlook.last, self.outlook.retry_at
        if last is None or at is None:
            return ""
        return (
            f"{self.outlook.in_a_row} in a row did not start, the last for {last.code}; "
            f"the next is tried at {at:%Y-%m-%dT%H:%M:%SZ}"
        )

    def _waits_after_failure(self) -> bool:
        at = self.outlook.retry_at
        return at is not None and at > self.now

    def _surge(self) -> int:
        coming = sum(pod.state in COMING for pod in self.pods)
        return max(self._surge_limit() - coming, 0)

    def _surge_limit(self) -> int:
        """While pods fail, one at a time is tried."""
        return min(self.policy.surge, 1) if self.outlook.last else self.policy.surge

    def _surplus(self, surplus: int) -> tuple[tuple[UUID, ...], ScalingCode]:
        """Return idle pods of the surplus: those that never worked first, then the newest."""
        spare = [pod for pod in self.serving if pod.is_spare]
        over_most = len(self.serving) - self.policy.most
        rested = [pod for pod in spare if self._has_rested(pod)]
        chosen = rested if len(rested) >= over_most else spare
        going = min(surplus, len(chosen) if chosen is rested else over_most)
        newest = sorted(chosen, key=lambda pod: (pod.state is PodState.READY, -_age_key(pod)))
        if going > 0 and newest:
            return _agents(newest[:going]), ScalingCode.SCALE_IN
        return (), ScalingCode.COOLING_DOWN if spare else ScalingCode.IN_USE

    def _has_rested(self, pod: PodView) -> bool:
        since = pod.idle_since or (pod.created_at if pod.state in COMING else None)
        return since is not None and since + self.policy.cooldown <= self.now

    def _outdated(self) -> tuple[UUID, ...]:
        """Return the one idle pod to replace: none while another comes or goes."""
        policy, settled = self.policy, {PodState.READY, PodState.UNKNOWN, PodState.FAILED}
        if policy.is_held or not policy.is_active or self.outlook.is_failing:
            return ()
        if any(pod.state not in settled for pod in self.pods):
            return ()
        return _agents([pod for pod in self.serving if pod.is_outdated and pod.is_spare][:1])


def _agents(pods: Sequence[PodView]) -> tuple[UUID, ...]:
    return tuple(pod.agent_id for pod in pods)


def _age_key(pod: PodView) -> float:
    return pod.created_at.timestamp()
