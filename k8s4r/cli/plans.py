"""What is a person told of the plan of a task: its own words, what waits, who decided what?"""

import shlex
from collections.abc import Mapping
from typing import Any

from k8s4r.cli import ages, sections
from k8s4r.cli.output import Context
from k8s4r.cli.terminal import Terminal, clean

Task = Mapping[str, Any]


def commands(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a task runs in each of its phases, by words for them."""
    named = {"command": spec.get("argv")}
    named.update((phase, (spec.get(phase) or {}).get("argv")) for phase in ("plan", "apply"))
    return [(word, shlex.join(map(str, argv))) for word, argv in named.items() if argv]


def waits(task: Task) -> str:
    """Return the sentence about a task whose plan waits for a decision."""
    plan = task.get("plan") or {}
    until = f" until {plan['reserved_until'][:16]}Z" if plan.get("reserved_until") else ""
    return (
        f"apply_pending: its plan waits{until} for somebody else than {task['owner']} to decide:"
        f" k8s4r approve {task['id']}, or k8s4r reject {task['id']}"
    )


def write(terminal: Terminal, task: Task, context: Context) -> None:
    """Write the newest plan of a task and what was decided about its plans."""
    plan = task["plan"]
    if task["state"] == "apply_pending":
        terminal.write(waits(task))
    if plan is not None:
        sections.title(terminal, "Plan")
        sections.facts(terminal, [*_facts(plan, context), ("get it with", _download(task))])
    for one in task["decisions"]:
        said = f": {one['comment']}" if one["comment"] else ""
        line = f"{one['outcome']} by {one['person']} at {one['decided_at'][:16]}Z"
        terminal.write(clean(f"  attempt {one['attempt']} {line}{said}"))


def _download(task: Task) -> str:
    """Return the line that gets the file of the newest plan; empty when it left none."""
    plan = task["plan"]
    ids = {one["number"]: one["id"] for one in task["attempts"]}
    if not plan["sha256"]:
        return ""
    return f"k8s4r api GET attempts/{ids[plan['attempt']]}/artifacts/plan > FILE"


def _facts(plan: Mapping[str, Any], context: Context) -> list[tuple[str, Any]]:
    left = ages.left(plan["reserved_until"], context.now) if plan["reserved_until"] else ""
    size = f"{plan['size_bytes']} bytes, " if plan["size_bytes"] is not None else ""
    return [
        ("made by", f"attempt {plan['attempt']}"),
        ("file", f"{size}sha256 {plan['sha256']}" if plan["sha256"] else "it left none"),
        ("slot kept until", f"{plan['reserved_until'][:16]}Z, {left}" if left else ""),
    ]
