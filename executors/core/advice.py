"""Who can end a wait, and with which command?

Roles are those of a project; ``machine_owner`` is whoever sits at the machine.
Each command can be typed as it stands.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from agents.core.states import Observed
from executors.core.codes import WaitingCode
from executors.core.gates import Standing
from executors.core.qualification import Candidate, Requirement
from executors.core.waiting import Explanation, PoolFacts
from pools.core import failures
from pools.core.outlook import Outlook

ONCE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Advice:
    """What would end the wait: ``role`` may do it, by ``command``."""

    role: str
    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A slot that is kept for a decision: about which task, whose it is, and until when."""

    task_id: UUID
    owner: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that advice depends on; ``kept`` are plans that keep slots of the candidates."""

    explanation: Explanation
    requirement: Requirement
    candidates: Sequence[Candidate]
    pool: PoolFacts
    standing: Standing
    pool_id: UUID
    task_id: UUID | None
    now: datetime
    kept: Sequence[Kept] = ()

    @property
    def nearest(self) -> Candidate | None:
        """The first candidate that is held by the code of the whole."""
        for reason, candidate in zip(self.explanation.reasons, self.candidates, strict=True):
            if reason.code is self.explanation.code:
                return candidate
        return None


def advise(case: Case) -> list[Advice]:
    """Return what would end the wait, the likeliest first; what passes by itself says so."""
    return list(_ADVICE.get(case.explanation.code, _look)(case))


def _paused(case: Case) -> list[Advice]:
    if case.pool.barriers:
        command = _patch(f"agent-pools/{case.pool_id}", {"paused": False})
        return [Advice("fleet_admin", "resume the pool", command)]
    agent = case.nearest
    if agent is None:
        return _look(case)
    return [Advice("fleet_admin", f"resume {agent.name}", f"k8s4r resume {_name(agent)}")]


def _window(case: Case) -> list[Advice]:
    until = case.pool.barriers[0].until or case.now + ONCE
    command = _patch(f"agent-pools/{case.pool_id}", {"open_until": _moment(until)})
    return [Advice("fleet_admin", "open the pool once, until the window ends", command)]


def _back_off(case: Case) -> list[Advice]:
    return [Advice("viewer", "it starts by itself; see how the last attempt ended", _task(case))]


def _no_agents(case: Case) -> list[Advice]:
    if case.pool.pods is not None:
        text = "nothing: pods are made within seconds; see what the pool decides"
        return [Advice("viewer", text, _pool(case))]
    return [Advice("fleet_admin", "let a machine join", "k8s4r agent add")]


def _driver(case: Case) -> list[Advice]:
    text = f"install or allow the driver {case.requirement.driver} on an agent"
    agent = case.nearest
    return [Advice("machine_owner", text, "k8s4r get agents" if agent is None else _see(agent))]


def _labels(case: Case) -> list[Advice]:
    agent = case.nearest
    if agent is None:
        return _look(case)
    labels = {**agent.labels, **case.requirement.labels}
    command = _patch(f"agents/{agent.agent_id}", {"labels": labels})
    return [
        Advice("fleet_admin", f"label {agent.name}, if it is what the labels say", command),
        Advice("operator", "or submit the task with other required labels", _task(case)),
    ]


def _constraints(case: Case) -> list[Advice]:
    return [
        Advice("operator", "submit the task with a constraint that an agent meets", _task(case))
    ]


def _offline(case: Case) -> list[Advice]:
    agent = case.nearest
    if agent is None:
        return _look(case)
    if agent.observed is Observed.PENDING:
        return [Advice("fleet_admin", f"approve {agent.name}", f"k8s4r approve {_name(agent)}")]
    return [Advice("machine_owner", f"start the agent on {agent.name}", _see(agent))]


def _not_now(case: Case) -> list[Advice]:
    agent = case.nearest
    if agent is None:
        return _look(case)
    return [Advice("machine_owner", f"let {agent.name} take work again", _see(agent))]


def _slots(case: Case) -> list[Advice]:
    if case.pool.pods is not None:
        return _more_pods(case, case.pool.pods)
    agent = case.nearest
    if agent is None:
        return _look(case)
    more = {"settings": {"slots": agent.total_slots + 1}}
    command = _patch(f"agents/{agent.agent_id}", more)
    return [
        Advice("viewer", "see what runs there", "k8s4r get tasks --state running"),
        Advice("fleet_admin", f"give {agent.name} one slot more", command),
    ]


def _more_pods(case: Case, pods: Outlook) -> list[Advice]:
    running = Advice("viewer", "see what runs there", "k8s4r get tasks --state running")
    if not pods.is_at_most:
        return [running, Advice("viewer", "see what the pool decides", _pool(case))]
    command = _patch(f"agent-pools/{case.pool_id}", {"max_pods": pods.most + 1})
    return [running, Advice("fleet_admin", f"allow more than {pods.most} pods", command)]


def _reserved(case: Case) -> list[Advice]:
    agent = case.nearest
    if agent is None or not agent.held_slots:
        return _look(case)
    task = agent.held_slots[0].task_id
    note = next((one for one in case.kept if one.task_id == task), None)
    until = f" until {_moment(note.until)}" if note is not None and note.until else ""
    whose = f" of {note.owner}" if note is not None else ""
    text = f"decide about the plan{whose}, which keeps its slot{until}"
    return [Advice("approver", text, f"k8s4r describe task {task}"), *_slots(case)[1:]]


def _scaling(case: Case) -> list[Advice]:
    return [Advice("viewer", "nothing: it starts when a pod is ready; see the pods", _pool(case))]


def _failing(case: Case) -> list[Advice]:
    failure = None if case.pool.pods is None else case.pool.pods.failure
    text = "look at the pool's pods" if failure is None else failures.advice(failure.code)
    return [Advice("fleet_admin", text, _pool(case))]


def _resources(case: Case) -> list[Advice]:
    return [
        Advice("viewer", "see what runs there", "k8s4r get tasks --state running"),
        Advice("operator", "or submit the task with less", _task(case)),
    ]


def _pool_limit(case: Case) -> list[Advice]:
    most = (case.pool.max_concurrent or 0) + 1
    command = _patch(f"agent-pools/{case.pool_id}", {"max_concurrent": most})
    return [Advice("fleet_admin", "raise the pool's limit", command)]


def _owner_share(case: Case) -> list[Advice]:
    most = (case.standing.max_per_owner or 0) + 1
    command = _patch(f"agent-pools/{case.pool_id}", {"max_per_owner": most})
    return [Advice("fleet_admin", "raise the limit per owner", command)]


def _behind(case: Case) -> list[Advice]:
    if not case.standing.ahead:
        return [Advice("viewer", "nothing: the next pass, within seconds, starts it", _task(case))]
    return [Advice("viewer", "see what comes first", "k8s4r get tasks --state pending")]


def _look(case: Case) -> list[Advice]:
    return [Advice("viewer", "look at the task", _task(case))]


_ADVICE: Final[Mapping[WaitingCode, Callable[[Case], list[Advice]]]] = {
    WaitingCode.PAUSED: _paused,
    WaitingCode.MAINTENANCE_WINDOW: _window,
    WaitingCode.RETRY_BACKOFF: _back_off,
    WaitingCode.NO_AGENTS: _no_agents,
    WaitingCode.CAPABILITY_MISSING: _driver,
    WaitingCode.LABELS_MISSING: _labels,
    WaitingCode.CONSTRAINT_UNMET: _constraints,
    WaitingCode.NO_AGENT_ONLINE: _offline,
    WaitingCode.NOT_NOW: _not_now,
    WaitingCode.RESOURCES_SHORT: _resources,
    WaitingCode.SLOTS_FULL: _slots,
    WaitingCode.LANE_FULL: _slots,
    WaitingCode.LANE_RESERVED: _reserved,
    WaitingCode.SCALING_OUT: _scaling,
    WaitingCode.POD_FAILING: _failing,
    WaitingCode.POOL_LIMIT: _pool_limit,
    WaitingCode.OWNER_SHARE: _owner_share,
    WaitingCode.BEHIND_OTHERS: _behind,
}


def _patch(path: str, change: Mapping[str, Any]) -> str:
    return f"k8s4r api PATCH {path} -d {shlex.quote(json.dumps(change))}"


def _task(case: Case) -> str:
    if case.task_id is None:
        return _pool(case)
    return f"k8s4r describe task {case.task_id}"


def _pool(case: Case) -> str:
    return f"k8s4r describe pool {case.pool_id}"


def _see(agent: Candidate) -> str:
    return f"k8s4r describe agent {_name(agent)}"


def _name(agent: Candidate) -> str:
    return shlex.quote(agent.name or str(agent.agent_id))


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
