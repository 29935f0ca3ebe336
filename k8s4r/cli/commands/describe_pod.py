"""What does a person read about one pod?"""

from collections.abc import Mapping
from typing import Any

from k8s4r.cli import ages, pod_kinds, sections
from k8s4r.cli.output import Column, Context
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean

_MOST_ACTIONS = 10
_SLOTS = (
    Column("SLOT", lambda row, _: str(row["index"])),
    Column("LANE", lambda row, _: row["lane"]),
    Column("STATUS", lambda row, _: row["stands"], is_state=True),
    Column("WHAT", pod_kinds.on_it, most=40),
    Column("TASK", lambda row, _: (row["task"] or {}).get("id", ""), most=36),
)
_ACTIONS = (
    Column("DONE TO IT", lambda row, _: row["kind"]),
    Column("STATE", lambda row, _: row["state"]),
    Column("TRIES", lambda row, _: str(row["tries"])),
    Column("AGE", lambda row, context: ages.age(row["created_at"], context.now)),
    Column("ERROR", lambda row, _: row["error"], most=50),
)


def write(session: Session, pod: Mapping[str, Any]) -> None:
    """Write state, trouble, slots, actions and next steps of a pod."""
    terminal = session.terminal
    context = Context(session.client.server_time, {})
    sections.heading(terminal, pod["name"], pod["state"], pod["id"])
    if pod["failure"]:
        terminal.write(clean(f"{pod['failure']}: {pod['message']}"))
        terminal.write(clean(pod["advice"]))
    sections.title(terminal, "About it")
    sections.facts(terminal, _facts(pod, context))
    sections.title(terminal, "Slots")
    slots = [{**one, "stands": pod_kinds.status_in(pod, one)} for one in pod["slot_map"]]
    sections.rows(terminal, _SLOTS, slots, context)
    if pod["actions"]:
        sections.title(terminal, "In its cluster")
        sections.rows(terminal, _ACTIONS, pod["actions"][:_MOST_ACTIONS], context)
    if pod["log_end"]:
        sections.title(terminal, "End of its log")
        for line in pod["log_end"].splitlines()[-10:]:
            terminal.write("  " + clean(line))
    sections.next_steps(terminal, _steps(pod))


def _facts(pod: Mapping[str, Any], context: Context) -> list[tuple[str, Any]]:
    return [
        ("pool", f"{pod['project']}/{pod['pool']}"),
        ("cluster", f"{pod['config']}, namespace {pod['namespace']}"),
        ("node", pod["node"]),
        ("agent", f"{pod['agent_observed']}, wanted {pod['agent_desired']}"),
        ("shield", "nothing may evict it" if pod["shielded"] else "none: no slot is in use"),
        ("for one task", pod["task_id"]),
        ("made", _ago(pod["created_at"], context)),
        ("ready", _ago(pod["ready_at"], context)),
        ("idle", _ago(pod["idle_since"], context)),
        ("seen", _ago(pod["observed_at"], context)),
        ("gone", _ago(pod["gone_at"], context)),
        ("uid", pod["uid"]),
    ]


def _ago(moment: str | None, context: Context) -> str:
    return f"{ages.age(moment, context.now)} ago" if moment else ""


def _steps(pod: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = pod["name"]
    steps = [(f"k8s4r get slots --pool {pod['pool']}", "what is on all slots of its pool")]
    if pod["log_bytes"]:
        steps.append((f"k8s4r logs pod/{name}", "what was kept of its log"))
    if pod["state"] not in {"deleting", "draining", "gone"}:
        steps.append((f"k8s4r drain pod/{name}", "finish what it has, then delete it"))
    return steps
