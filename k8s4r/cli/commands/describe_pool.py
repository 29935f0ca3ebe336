"""What does a person read about one pool?"""

from collections.abc import Mapping
from typing import Any

from k8s4r.cli import sections, slot_totals
from k8s4r.cli.kinds import POD, POOL, TASK
from k8s4r.cli.output import Column, Context
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean

_MOST_AGENTS = 50
_MOST_COUNTED = 200
_MEMBERS = (
    Column("NAME", lambda row, _: row["name"], most=30),
    Column("STATE", lambda row, _: row["observed"], is_state=True),
    Column("WANTED", lambda row, _: row["desired"], is_state=True),
    Column("LABELS", lambda row, _: sections.pairs(row["labels"]), most=40),
)


def write(session: Session, pool: Mapping[str, Any]) -> None:
    """Write rules, limits, queue and members of a pool."""
    terminal = session.terminal
    state = "paused" if pool["paused"] else "active"
    sections.heading(terminal, f"{pool['project']}/{pool['name']}", state, pool["id"])
    for held in pool["held_by"]:
        terminal.write(_held(held))
    sections.title(terminal, "Rules")
    sections.facts(terminal, _facts(pool))
    sections.title(terminal, "Tasks")
    sections.facts(
        terminal,
        [(word, _count(session, pool, word)) for word in ("pending", "dispatching", "running")],
    )
    _size(session, pool)
    if pool["k8s"]:
        _pods(session, pool)
    else:
        _agents(session, pool)
    sections.next_steps(terminal, _steps(pool))


def _agents(session: Session, pool: Mapping[str, Any]) -> None:
    terminal, client = session.terminal, session.client
    agents, more = client.items(f"{POOL.path}/{pool['id']}/agents", {}, limit=_MOST_AGENTS)
    sections.title(terminal, "Agents")
    if agents:
        sections.rows(terminal, _MEMBERS, agents, Context(client.server_time, {}))
    else:
        terminal.write("  none: k8s4r agent add lets a machine join")
    if more:
        terminal.note(f"and more than {_MOST_AGENTS} agents")


def _pods(session: Session, pool: Mapping[str, Any]) -> None:
    """Write the pods, each failure of theirs with what helps."""
    terminal, client = session.terminal, session.client
    pods, more = client.items(POD.path, {"pool": pool["id"]}, limit=_MOST_AGENTS)
    sections.title(terminal, "Pods")
    if pods:
        columns = [column for column in POD.columns if not column.only_wide]
        sections.rows(terminal, columns, pods, Context(client.server_time, {}))
    else:
        terminal.write("  none: the first comes with the first task")
    for advice in dict.fromkeys(pod["advice"] for pod in pods if pod["advice"]):
        terminal.write(clean(f"  {advice}"))
    if more:
        terminal.note(f"and more than {_MOST_AGENTS} pods")


def _size(session: Session, pool: Mapping[str, Any]) -> None:
    """Write why a pool of pods is as large as it is; a pool of machines has no such decision."""
    path = f"{POOL.path}/{pool['id']}"
    found, _ = session.client.items(f"{path}/decisions", {}, limit=1)
    if not found:
        return
    newest, totals = found[0], session.client.get(f"{path}/slots?limit=1")["totals"]
    sections.title(session.terminal, "Size")
    sections.facts(
        session.terminal,
        [
            ("why", f"{newest['code']}: {newest['reason']}"),
            ("pods", f"{newest['ready']} ready, {newest['desired']} wanted"),
            ("slots", slot_totals.sentence(totals)),
        ],
    )


def _facts(pool: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("members", _members(pool)),
        *_of_pods(pool["k8s"]),
        ("strategy", pool["selection_strategy"]),
        ("runs at most", pool["max_concurrent"] or "no limit"),
        ("per owner", pool["max_per_owner"] or "no limit"),
        ("windows", "; ".join(_window(one) for one in pool["windows"])),
        ("open until", pool["open_until"]),
        ("shared with", f"{len(pool['shared_with'])} projects" if pool["shared_with"] else ""),
        ("description", pool["description"]),
    ]


def _of_pods(k8s: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    if k8s is None:
        return []
    mode = "one for each task" if k8s["mode"] == "task" else "three slots each"
    spare = f", {k8s['warm_spares']} spare" if k8s["warm_spares"] else ""
    return [
        ("pods", f"{k8s['min_pods']} to {k8s['max_pods']}{spare}, {mode}"),
        ("cluster", k8s["config"]),
        ("idle ones go", f"after {k8s['cooldown_s']} s"),
        ("failed ones go", f"after {k8s['keep_failed_s']} s" if k8s["keep_failed_s"] else ""),
    ]


def _held(held: Mapping[str, Any]) -> str:
    """Return what keeps the pool from starting work, until when, why and by whom."""
    facts = [f"starts nothing: {held['rule'].replace('_', ' ')}"]
    facts += [f"until {held['until']}"] if held["until"] else []
    facts += [held["note"]] if held["note"] else []
    facts += [f"by {held['by']}"] if held["by"] else []
    return ", ".join(facts)


def _window(window: Mapping[str, Any]) -> str:
    days = ",".join(window["days"]) or "every day"
    return f"{days} {window['from']}-{window['to']} {window['timezone']}"


def _members(pool: Mapping[str, Any]) -> str:
    if pool["k8s"]:
        return "the agents in its pods"
    return "those listed" if pool["pool_type"] == "static" else _by_labels(pool)


def _by_labels(pool: Mapping[str, Any]) -> str:
    labels = sections.pairs(pool["required_labels"])
    return f"agents with {labels}" if labels else "every agent of the project"


def _count(session: Session, pool: Mapping[str, Any], state: str) -> str:
    """Return how many tasks are in a state, as far as a person wants it counted."""
    query = {"pool": pool["id"], "state": state}
    found, more = session.client.items(TASK.path, query, limit=_MOST_COUNTED)
    return f"{len(found)}{' or more' if more else ''}"


def _steps(pool: Mapping[str, Any]) -> list[tuple[str, str]]:
    paused = str(not pool["paused"]).lower()
    call = f"k8s4r api PATCH agent-pools/{pool['id']} -d '{{\"paused\": {paused}}}'"
    of_pods = [
        (f"k8s4r get slots --pool {pool['name']}", "what is on each slot"),
        (f"k8s4r get decisions --pool {pool['name']} -o wide", "why it has its size"),
    ]
    return [
        *(of_pods if pool["k8s"] else []),
        (call, "let it start tasks again" if pool["paused"] else "start no more tasks"),
    ]
