"""What does the page of a waiting task say: why, agent by agent, since when, and what helps?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from agents import selectors as agent_selectors
from executors import selectors
from executors.core.codes import WaitingCode
from executors.core.lifecycle import TaskState
from executors.core.waiting import Explanation, Reason
from executors.models import Task
from k8s4r.pages import ago

MOST_CANDIDATES: Final = 50
_AWAY: Final = frozenset({WaitingCode.NO_AGENT_ONLINE})
_OTHER_AGENTS: Final = frozenset({WaitingCode.NO_AGENTS, WaitingCode.CAPABILITY_MISSING})
_OTHER_TASK: Final = frozenset(
    {WaitingCode.LABELS_MISSING, WaitingCode.CONSTRAINT_UNMET, WaitingCode.RESOURCES_SHORT}
)
_POOL: Final = frozenset({WaitingCode.PAUSED, WaitingCode.POOL_LIMIT, WaitingCode.OWNER_SHARE})


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
    explanation = selectors.explanation(task.pk)
    if explanation is None:
        return None
    return {
        "code": explanation.code,
        "sentence": explanation.sentence,
        "since": ago(_since(task), now),
        "candidates": _candidates(explanation, now),
        "left_out": max(0, len(explanation.reasons) - MOST_CANDIDATES),
        "fits": sum(reason.exclusion is None for reason in explanation.reasons),
        "total": len(explanation.reasons),
        "remedies": _remedies(explanation, task),
    }


def _since(task: Task) -> datetime:
    noted = task.requirement.waiting_since
    if task.run_after or noted is None:
        return task.changed_at
    return max(noted, task.changed_at)


def _candidates(explanation: Explanation, now: datetime) -> list[Candidate]:
    """Return who could take it, the nearest first."""
    reasons = sorted(explanation.reasons, key=lambda reason: reason.exclusion is not None)
    shown = reasons[:MOST_CANDIDATES]
    away = [one.agent_id for one in shown if one.exclusion and one.exclusion.code in _AWAY]
    heard = agent_selectors.last_seen(away) if away else {}
    return [_candidate(reason, heard.get(reason.agent_id), now) for reason in shown]


def _candidate(reason: Reason, heard: datetime | None, now: datetime) -> Candidate:
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
        since=ago(heard, now),
    )


def _remedies(explanation: Explanation, task: Task) -> list[tuple[str, str]]:
    """Return what a person can do here: the words and the address of each."""
    code = explanation.code
    remedies = []
    if code in _OTHER_AGENTS | _AWAY | _OTHER_TASK:
        remedies.append(("Add an agent", reverse("admin:agent_add")))
        remedies.append(("Look at the agents", reverse("admin:agents_agent_changelist")))
    if code in _POOL | _OTHER_AGENTS:
        remedies.append(
            (f"Open pool {task.pool.name}", reverse("admin:pools_pool_change", args=[task.pool_id]))
        )
    if code in _OTHER_TASK:
        remedies.append(
            ("Submit it with other labels", reverse("admin:task_again", args=[task.pk]))
        )
    return remedies
