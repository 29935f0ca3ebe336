"""What does a person read about one agent?"""

from collections.abc import Mapping
from typing import Any

from k8s4r.cli import ages, sections
from k8s4r.cli.kinds import AGENT, OPEN_STATES, TASK
from k8s4r.cli.output import Column, Context
from k8s4r.cli.session import Session

_MOST_TASKS = 10
_WORK = (
    Column("ID", lambda row, context: context.short_ids.get(row["id"], row["id"]), most=36),
    Column("NAME", lambda row, _: row["name"], most=24),
    Column("STATE", lambda row, _: row["state"], is_state=True),
    Column("AGE", lambda row, context: ages.age(row["submitted_at"], context.now)),
)


def write(session: Session, agent: Mapping[str, Any]) -> None:
    """Write state, slots, labels, work and next steps of an agent."""
    terminal, client = session.terminal, session.client
    path = f"{AGENT.path}/{agent['id']}/tasks"
    now = client.items(path, {"state": OPEN_STATES}, limit=_MOST_TASKS)[0]
    before = client.items(path, {"state": ",".join(_ended())}, limit=_MOST_TASKS)[0]
    context = Context(client.server_time, {})
    sections.heading(terminal, agent["name"], agent["status"], agent["id"])
    if agent["reason"]:
        terminal.write(str(agent["reason"]))
    sections.title(terminal, "About it")
    sections.facts(terminal, _facts(agent, context))
    for words, rows in (("Works on", now), ("Ended here last", before)):
        if rows:
            sections.title(terminal, words)
            sections.rows(terminal, _WORK, rows, context)
    sections.next_steps(terminal, _steps(agent))


def _ended() -> list[str]:
    return [state for state in TASK.states["ended"]["state"].split(",") if state]


def _facts(agent: Mapping[str, Any], context: Context) -> list[tuple[str, Any]]:
    slots, device = agent["slots"], agent.get("device_info") or {}
    system = device.get("platform") or {}
    return [
        ("wanted", agent["desired"]),
        ("slots", f"{slots['total'] - slots['idle']} of {slots['total']} in use"),
        ("last heard", f"{ages.age(agent['last_seen_at'], context.now)} ago"),
        ("project", agent["project"]),
        ("type", agent["agent_type"]),
        ("labels", sections.pairs(agent["labels"])),
        ("capabilities", sections.pairs(agent["capabilities"])),
        ("machine", device.get("hostname")),
        ("system", " ".join(str(value) for value in system.values()) if system else ""),
        ("description", agent["description"]),
    ]


def _steps(agent: Mapping[str, Any]) -> list[tuple[str, str]]:
    call = f"k8s4r api POST agents/{agent['id']}"
    steps = {
        "pending": (f"{call}/approve", "let it work"),
        "active": (f"{call}/drain", "finish what it has, then nothing"),
        "paused": (f"{call}/resume", "let it get work again"),
        "draining": (f"{call}/resume", "let it get work again"),
    }
    words = [agent["desired"]] if agent["observed"] != "pending" else ["pending"]
    return [steps[word] for word in words if word in steps]
