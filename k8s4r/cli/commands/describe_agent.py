"""What does a person read about one agent?"""

from collections.abc import Mapping
from typing import Any

from k8s4r.cli import ages, sections
from k8s4r.cli.kinds import AGENT, OPEN_STATES, TASK, name_of
from k8s4r.cli.output import Column, Context
from k8s4r.cli.session import Session

_MOST_TASKS = 10
_WORK = (
    Column("ID", lambda row, context: context.short_ids.get(row["id"], row["id"]), most=36),
    Column("NAME", lambda row, _: name_of(row), most=24),
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
        *_notes(agent),
        ("slots", f"{slots['total'] - slots['idle']} of {slots['total']} in use"),
        ("last heard", f"{ages.age(agent['last_heartbeat_at'], context.now)} ago"),
        ("tasks", _totals(agent)),
        ("token ends", _expires(agent, context)),
        ("endpoint", agent["endpoint"]),
        ("project", agent["project"]),
        ("type", agent["agent_type"]),
        ("labels", sections.pairs(agent["labels"])),
        ("settings", f"{sections.pairs(agent['settings'])} {_applied(agent)}".strip()),
        ("capabilities", sections.pairs(agent["capabilities"])),
        ("machine", device.get("hostname")),
        ("system", _system(system)),
        ("description", agent["description"]),
    ]


def _notes(agent: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return why it gets no work: by people's wish, and by its own."""
    not_now = agent["not_now"] or {}
    return [
        ("because", agent["desired_note"]),
        ("said", agent["desired_by"]),
        ("until", agent["desired_until"]),
        ("not now", not_now.get("reason")),
        ("not now until", not_now.get("until")),
    ]


def _totals(agent: Mapping[str, Any]) -> str:
    """Return ``12, 10 good, 1 failed``: the others were cancelled."""
    total, good, failed = (agent[f"{word}_tasks"] for word in ("total", "success", "failed"))
    return f"{total}, {good} good, {failed} failed" if total else ""


def _expires(agent: Mapping[str, Any], context: Context) -> str:
    """Return when the last of its tokens ends; ``over``: none is good any more."""
    if not agent["token_expires_at"]:
        return "has none"
    left = ages.left(agent["token_expires_at"], context.now)
    return left if left == "over" else f"in {left}"


def _applied(agent: Mapping[str, Any]) -> str:
    if not agent["settings_version"]:
        return ""
    return f"({agent['settings_applied']} of {agent['settings_version']} applied)"


def _system(platform: Mapping[str, Any]) -> str:
    """Return ``linux x86_64, debian 12, kernel 6.1``, as far as it is known."""
    words = [
        f"{platform.get('os', '')} {platform.get('arch', '')}".strip(),
        f"{platform.get('platform', '')} {platform.get('version', '')}".strip(),
        f"kernel {platform['kernelVersion']}" if platform.get("kernelVersion") else "",
    ]
    return ", ".join(word for word in words if word)


def _steps(agent: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = agent["name"]
    steps = {
        "pending": (f"k8s4r approve {name}", "let it work"),
        "active": (f"k8s4r drain {name}", "finish what it has, then nothing"),
        "paused": (f"k8s4r resume {name}", "let it get work again"),
        "draining": (f"k8s4r resume {name}", "let it get work again"),
    }
    words = [agent["desired"]] if agent["observed"] != "pending" else ["pending"]
    return [steps[word] for word in words if word in steps]
