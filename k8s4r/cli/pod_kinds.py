"""What are pods, the slots of a pool and decisions about its size called, and shown as?"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from k8s4r.cli import ages, tables
from k8s4r.cli.output import Column, Context, Row
from k8s4r.cli.tables import Kind, age, text

POD_STATES: Final = (
    "creating", "starting", "ready", "draining", "deleting", "unknown", "failed", "gone",
)  # fmt: skip
EVERY_STATE: Final = ",".join(POD_STATES)
_USABLE: Final = frozenset({"ready", "draining"})
# Of more slots than this a table says how many there are.
_SLOTS_SHOWN: Final = 3


def _why(row: Row, _: Context) -> str:
    return str(row["failure"] or ("busy" if row["shielded"] else ""))


def _yes(key: str) -> Callable[[Row, Context], str]:
    return lambda row, _: "yes" if row[key] else "no"


def slot_line(slot: Mapping[str, Any], context: Context) -> str:
    """Return what is on a slot: ``plan a 5m``, ``held 22h: plan b``, ``idle``."""
    if slot["status"] == "idle":
        return "idle"
    task = slot["task"]
    named = (task["name"] or task["kind"]) if task else "(not yours)"
    if slot["status"] == "reserved":
        left = ages.left(slot["held_until"], context.now)
        return f"held {left}: {named}" if slot["held_until"] else f"held: {named}"
    return f"{named} {ages.age(slot['since'], context.now)}"


def on_it(slot: Mapping[str, Any], context: Context) -> str:
    """Return what is on a slot; nothing where nothing is."""
    return "" if slot["status"] == "idle" else slot_line(slot, context)


def status_in(pod: Mapping[str, Any] | None, slot: Mapping[str, Any]) -> str:
    """Return how a slot stands; nothing can be put on those of a pod that comes or fails."""
    is_away = pod is not None and pod["state"] not in _USABLE
    return "not ready" if is_away and slot["status"] == "idle" else str(slot["status"])


def _line_in(pod: Mapping[str, Any] | None, slot: Mapping[str, Any], context: Context) -> str:
    return on_it(slot, context) or status_in(pod, slot)


def _slot(index: int) -> Callable[[Row, Context], str]:
    def cell(row: Row, context: Context) -> str:
        found = [slot for slot in row["slots"] if slot["index"] == index]
        return _line_in(row["pod"], found[0], context) if found else ""

    return cell


def _more(row: Row, _: Context) -> str:
    others = row["slots"][_SLOTS_SHOWN:]
    used = sum(slot["status"] != "idle" for slot in others)
    return f"{used}/{len(others)}" if others else ""


def _in_pod(key: str, otherwise: str) -> Callable[[Row, Context], str]:
    return lambda row, _: str(row["pod"][key] if row["pod"] else row[otherwise])


def _queued(row: Row, _: Context) -> str:
    demand = row["demand"].values()
    return "/".join(str(sum(one[word] for one in demand)) for word in ("busy", "queued", "held"))


def _held_for(row: Row, _: Context) -> str:
    return ages.between(row["at"], row["until"], None) if row["times"] > 1 else ""


POD: Final = Kind(
    "pod",
    frozenset({"pod", "pods", "po"}),
    "/api/v1/pods",
    (
        Column("NAME", text("name"), most=36, keeps_end=True),
        Column("STATE", text("state"), is_state=True),
        Column("WHY", _why, most=21),
        Column("SLOTS", tables.slots),
        Column("NODE", text("node"), most=14),
        Column("AGE", age("created_at")),
        Column("POOL", text("pool"), only_wide=True),
        Column("PROJECT", text("project"), only_wide=True),
        Column("CONFIG", text("config"), only_wide=True),
        Column("SHIELD", _yes("shielded"), only_wide=True),
        Column("SEEN", age("observed_at"), only_wide=True),
        Column("MESSAGE", text("message"), only_wide=True),
        Column("ID", text("id"), only_wide=True),
    ),
    {
        **{state: {"state": state} for state in POD_STATES},
        "all": {"state": EVERY_STATE},
    },
    {name: name for name in ("name", "project", "pool", "config", "state", "failure", "node")},
    is_watched=True,
)
# Of one pool: `places.of` fills it in.
SLOTS: Final = Kind(
    "slot",
    frozenset({"slot", "slots", "sl"}),
    "/api/v1/agent-pools/{pool}/slots",
    (
        Column("POD", _in_pod("name", "agent"), most=22, keeps_end=True),
        Column("STATE", _in_pod("state", "observed"), is_state=True),
        *(Column(f"SLOT {index}", _slot(index), most=18) for index in range(_SLOTS_SHOWN)),
        Column("MORE", _more),
        Column("WANTED", text("desired"), is_state=True, only_wide=True),
        Column("NODE", _in_pod("node", "agent"), only_wide=True),
        Column("AGE", age("created_at"), only_wide=True),
        Column("ID", text("agent_id"), only_wide=True),
    ),
    {},
    named_by="agent",
    is_single=False,
)
DECISION: Final = Kind(
    "decision",
    frozenset({"decision", "decisions", "dec"}),
    "/api/v1/agent-pools/{pool}/decisions",
    (
        Column("AGE", age("at")),
        Column("FOR", _held_for),
        Column("CODE", text("code"), most=16),
        Column("BUSY/WAIT/HELD", _queued),
        Column("DESIRED", text("desired")),
        Column("READY", text("ready")),
        Column("MADE", text("made")),
        Column("DRAINED", text("drained")),
        Column("WHY", text("reason"), most=40, only_wide=True),
    ),
    {},
    named_by="code",
    is_single=False,
)
