"""What does a person read about one task?"""

from collections.abc import Mapping, Sequence
from typing import Any

from k8s4r.cli import ages, endings, plans, sections
from k8s4r.cli.commands.why import explain
from k8s4r.cli.kinds import TASK, name_of
from k8s4r.cli.output import Column, Context
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean

_MOST_EVENTS = 200
_MOST_ANNOTATIONS = 50
_ATTEMPTS = (
    Column("#", lambda row, _: str(row["number"])),
    Column("STATE", lambda row, _: row["state"], is_state=True),
    Column("AGENT", lambda row, _: row["agent"], most=24, keeps_end=True),
    Column("ASSIGNED", lambda row, context: ages.age(row["assigned_at"], context.now)),
    Column(
        "RAN", lambda row, context: ages.between(row["started_at"], row["ended_at"], context.now)
    ),
    Column("PID", lambda row, _: str(row["pid"] or "")),
    Column("HOW IT ENDED", lambda row, _: _ended(row), most=40),
)
EVENTS = (
    Column("AT", lambda row, _: row["at"][11:23]),
    Column("AFTER", lambda row, _: row["after"]),
    Column("WHAT", lambda row, _: row["what"]),
    Column("STATE", lambda row, _: row["to_state"], is_state=True),
    Column("CAUSE", lambda row, _: row["cause"], most=24),
    Column("BY", lambda row, _: row["by"], most=24, keeps_end=True),
)


def write(session: Session, task: Mapping[str, Any]) -> None:
    """Write state, reasons, attempts, history and next steps of a task."""
    terminal, client = session.terminal, session.client
    path = f"{TASK.path}/{task['id']}"
    events = client.items(f"{path}/events", {}, limit=_MOST_EVENTS)[0]
    context = Context(client.server_time, {})
    sections.heading(terminal, name_of(task), task["state"], task["id"])
    if task["state"] in endings.FINAL or task["state"] == "unknown":
        terminal.write(endings.sentence(task))
    if task["stop_requested_at"] and not task["ended_at"]:
        terminal.write("it was told to stop and has not yet ended")
    if task["state"] == "pending":
        terminal.write("")
        explain(session, task, client.get(f"{path}/waiting"))
    if task["progress"]:
        terminal.write(clean(_progress(task["progress"])))
    plans.write(terminal, task, context)
    _write_annotations(session, f"{path}/annotations")
    sections.title(terminal, "Asked for")
    sections.facts(terminal, _asked(task))
    if task["attempts"]:
        sections.title(terminal, "Attempts")
        sections.rows(terminal, _ATTEMPTS, task["attempts"], context)
    sections.title(terminal, "History")
    sections.rows(terminal, EVENTS, event_rows(task, events), context)
    sections.next_steps(terminal, _steps(task))


def _progress(told: Mapping[str, Any]) -> str:
    return f"{ages.percent(told['fraction'])} done" + (f": {told['text']}" if told["text"] else "")


def _write_annotations(session: Session, path: str) -> None:
    """Write what the task pinned to its page, as it was written: Markdown is readable."""
    for one in session.client.items(path, {}, limit=_MOST_ANNOTATIONS)[0]:
        sections.title(
            session.terminal,
            clean(f"{one['context']} ({one['style']}, by attempt {one['attempt']})"),
        )
        for line in one["text"].splitlines():
            session.terminal.write("  " + clean(line))


def event_rows(
    task: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the rows of a table of events, in the words that a person knows."""
    known = _known(task, events)
    return [_event(event, task, known) for event in events]


def _asked(task: Mapping[str, Any]) -> list[tuple[str, Any]]:
    retry = task["retry"] or {}
    return [
        *plans.commands(task["spec"]),
        ("kind", "" if task["kind"] == "exec" else task["kind"]),
        ("driver", task["driver"]),
        ("environment", ", ".join(task["spec"].get("env", {}))),
        ("pool", f"{task['project']}/{task['pool']}"),
        ("owner", task["owner"]),
        ("agent", task["agent"]),
        ("priority", task["priority"]),
        ("labels", sections.pairs(task["labels"])),
        ("required labels", sections.pairs(task["required_labels"])),
        ("constraints", "; ".join(_constraint(one) for one in task["constraints"])),
        ("resources", sections.pairs(task["resources"])),
        ("may run for", _span(task["run_timeout_s"])),
        ("may be silent for", _span(task["silence_timeout_s"])),
        ("waits until", task["queue_deadline_at"]),
        ("agent lost", f"after {task['lost_after_s']}s, then {task['disconnect']}"),
        ("retry", f"{retry['attempts']} attempts, on {', '.join(retry['on'])}" if retry else ""),
        ("parent", task["parent_id"]),
        ("output", f"{task['log_bytes']} bytes" if task["log_bytes"] else ""),
    ]


def _span(seconds: int | None) -> str:
    return "" if seconds is None else ages.span(seconds)


def _constraint(entry: Mapping[str, str]) -> str:
    return f"{entry['ltarget']} {entry['operand']} {entry['rtarget']}"


def _ended(attempt: Mapping[str, Any]) -> str:
    if attempt["ended_at"] is None:
        return f"stopping: {attempt['stop_reason']}" if attempt["stop_reason"] else ""
    return endings.sentence(attempt).partition(": ")[2]


def _known(task: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the words a person knows ids by: attempts, their agents, and who submitted."""
    known = {each["id"]: f"attempt {each['number']}" for each in task["attempts"]}
    known.update((each["agent_id"], each["agent"]) for each in task["attempts"])
    known.update((each["actor_id"], task["owner"]) for each in events if each["cause"] == "submit")
    return known


def _event(
    event: Mapping[str, Any], task: Mapping[str, Any], known: Mapping[str, str]
) -> Mapping[str, Any]:
    reason = event["detail"].get("reason")
    actor = known.get(event["actor_id"], event["actor_id"][:18])
    return {
        **event,
        "after": "+" + ages.between(task["submitted_at"], event["at"], None),
        "what": known.get(event["object_id"], "task"),
        "cause": event["cause"].lower() + (f", {reason}" if reason else ""),
        "by": f"{event['actor_kind']} {actor}".strip(),
    }


def _steps(task: Mapping[str, Any]) -> list[tuple[str, str]]:
    identity, state = task["id"], task["state"]
    log = (f"k8s4r logs {identity}", "what it wrote")
    again = (f"k8s4r rerun {identity} --set env.KEY=value", "again, with that changed")
    if state == "pending":
        return [
            (f"k8s4r why {identity}", "why it waits, agent by agent"),
            (f"k8s4r cancel {identity}", "give up on it"),
        ]
    if state == "apply_pending":
        return [
            (f"k8s4r logs {identity}", "what its plan says"),
            (f'k8s4r approve {identity} --comment "..."', "have it applied"),
            (f'k8s4r reject {identity} --comment "..."', "end it, nothing is applied"),
        ]
    if state in {"dispatching", "running"}:
        return [
            (f"k8s4r logs -f {identity}", "what it writes"),
            (f"k8s4r cancel {identity}", "stop it"),
        ]
    if state == "unknown":
        body = '{"outcome": "failed", "reason": "..."}'
        return [(f"k8s4r api POST tasks/{identity}/resolve -d '{body}'", "say how it ended")]
    if state != "completed":
        again = (f"k8s4r retry {identity}", "again, as it was")
    return [log, again]
