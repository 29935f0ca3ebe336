"""What does the page of a waiting task say: why, agent by agent, since when, and what helps?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from executors import reasons
from executors.core.codes import WaitingCode
from executors.core.gates import Gate
from executors.core.lifecycle import TaskState
from executors.core.waiting import Explanation, Reason
from executors.models import Task
from k8s4r.pages import ago

MOST_CANDIDATES: Final = 50
_VERDICTS: Final = {True: "passed", False: "stops it", None: "not reached"}
_TONES: Final = {True: "good", False: "bad", None: "done"}
_OTHER_TASK: Final = frozenset(
    {WaitingCode.LABELS_MISSING, WaitingCode.CONSTRAINT_UNMET, WaitingCode.RESOURCES_SHORT}
)
_OTHER_AGENTS: Final = _OTHER_TASK | {
    WaitingCode.NO_AGENTS, WaitingCode.NO_AGENT_ONLINE, WaitingCode.CAPABILITY_MISSING,
    WaitingCode.SLOTS_FULL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that could take the task, and what keeps it from it."""

    agent_id: UUID
    name: str
    code: str
    rule: str
    needed: str
    found: str
    since: SafeString | str


def box(task: Task, now: datetime) -> dict[str, Any] | None:
    """Return what the box shows, ``None`` when the task does not wait."""
    if task.state != TaskState.PENDING:
        return None
    found = reasons.why(task.pk, now=now)
    if found is None:
        return None
    explanation = found.explanation
    shown = sorted(explanation.reasons, key=lambda reason: reason.exclusion is not None)
    return {
        "code": explanation.code,
        "sentence": explanation.sentence,
        "since": ago(_since(task), now),
        "gates": [_gate(gate, now) for gate in found.gates],
        "stops": _stops(found.gates),
        "candidates": [_candidate(reason, now) for reason in shown[:MOST_CANDIDATES]],
        "left_out": max(0, len(shown) - MOST_CANDIDATES),
        "advice": found.advice,
        "links": _links(explanation, task),
    }


def _since(task: Task) -> datetime:
    noted = task.requirement.waiting_since
    if task.run_after or noted is None:
        return task.changed_at
    return max(noted, task.changed_at)


def _stops(gates: Sequence[Gate]) -> str:
    """Return in a few words how far the task comes."""
    passed = sum(gate.passed is True for gate in gates)
    stopped = ", ".join(gate.name.replace("_", " ") for gate in gates if gate.passed is False)
    return f"{passed} of {len(gates)} passed" + (f", stopped by {stopped}" if stopped else "")


def _gate(gate: Gate, now: datetime) -> dict[str, Any]:
    said = [gate.note, f"by {gate.by}" if gate.by else ""]
    if gate.until:
        said.append(f"until {gate.until:%Y-%m-%d %H:%M} UTC")
    return {
        "name": gate.name.replace("_", " "),
        "word": _VERDICTS[gate.passed],
        "tone": _TONES[gate.passed],
        "needed": gate.needed,
        "found": gate.found,
        "since": ago(gate.since, now),
        "said": ", ".join(filter(None, said)),
    }


def _candidate(reason: Reason, now: datetime) -> Candidate:
    found = reason.exclusion
    if found is None:
        return Candidate(reason.agent_id, reason.name, "fits", "", "", "has room", "-")
    return Candidate(
        agent_id=reason.agent_id,
        name=reason.name,
        code=found.code,
        rule=found.rule,
        needed=found.needed,
        found=found.found or "nothing",
        since=ago(reason.since, now),
    )


def _links(explanation: Explanation, task: Task) -> list[tuple[str, str]]:
    """Return where on these pages a person can do something about it."""
    links = [
        (f"Open pool {task.pool.name}", reverse("admin:pools_pool_change", args=[task.pool_id]))
    ]
    if explanation.code in _OTHER_AGENTS:
        links.append(("Add an agent", reverse("admin:agent_add")))
    if explanation.code in _OTHER_TASK:
        again = reverse("admin:task_again", args=[task.pk])
        links.append(("Submit it with changes", again))
    return links
