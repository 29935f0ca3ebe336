"""Which kinds of things are there, what are they called, and which columns do their tables have?"""

import shlex
from collections.abc import Sequence
from typing import Final

from k8s4r.cli import ages, suggestions
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.errors import Usage
from k8s4r.cli.output import Column, Context, Row
from k8s4r.cli.pod_kinds import DECISION, POD, SLOTS
from k8s4r.cli.tables import Kind, age, joined, labels, left, slots, text

__all__ = [
    "AGENT", "DECISION", "ENROLMENT", "KINDS", "MEMBER", "OPEN_STATES", "POD", "POOL", "PROJECT",
    "SLOTS", "TASK", "TASK_STATES", "TOKEN", "Kind", "kind", "name_of", "split",
]  # fmt: skip


def kind(word: str) -> Kind:
    """Return the kind that a word means: singular, plural or short.

    Raises:
        Usage: no kind has this name.
    """
    for known in KINDS:
        if word.lower() in known.words:
            return known
    known_words = [each for one in KINDS for each in one.words]
    raise Usage(
        f"no kind {word!r}; there are {', '.join(f'{one.name}s' for one in KINDS)}",
        hint=suggestions.did_you_mean(word.lower(), known_words),
    )


def split(references: Sequence[str], expected: Kind | None = None) -> tuple[Kind, list[str]]:
    """Return the kind and the names of ``tasks a b``, ``task/a task/b`` or, expected, ``a b``.

    Raises:
        Usage: there is no kind, or there are two.
    """
    words = list(references)
    if expected is None and words and "/" not in words[0]:
        expected = kind(words.pop(0))
    names = []
    for word in words:
        prefix, slash, name = word.partition("/")
        if not slash:
            names.append(word)
            continue
        if expected is not None and not _is_word(prefix):
            # Of a project: `pool web/builds`.
            names.append(word)
            continue
        found = kind(prefix)
        if expected is not None and found is not expected:
            raise Usage(f"{word} is not a {expected.name}: one command takes one kind")
        expected = found
        names.append(name)
    if expected is None:
        raise Usage("name a kind", hint=", ".join(f"{one.name}s" for one in KINDS))
    return expected, names


def _is_word(text: str) -> bool:
    return any(text.lower() in one.words for one in KINDS)


def name_of(task: Row) -> str:
    """Return the name, or the command that a task without one runs."""
    spec = task["spec"]
    argv = spec.get("argv") or (spec.get("plan") or {}).get("argv") or [task["driver"]]
    return str(task["name"] or "$ " + shlex.join(argv))


def _short_id(row: Row, context: Context) -> str:
    return context.short_ids.get(row["id"], row["id"])


def _ran(row: Row, context: Context) -> str:
    if row["state"] == "pending":
        return ""
    return ages.between(row.get("started_at"), row.get("ended_at"), context.now)


def _why(row: Row, _: Context) -> str:
    waiting = row.get("waiting") or {}
    if waiting:
        return str(waiting.get("code") or "not looked at yet")
    if row.get("stop_requested_at") and not row.get("ended_at"):
        return "stopping"
    if row.get("progress") and not row.get("ended_at"):
        return ages.percent(row["progress"]["fraction"])
    reason = str(row.get("reason") or ("a decision" if row["state"] == "apply_pending" else ""))
    by_number = {"signal": f"signal {row.get('signal')}", "exit_code": f"exit {row['exit_code']}"}
    return "" if reason == row.get("state") else by_number.get(reason, reason)


def _token_state(row: Row, context: Context) -> str:
    if row["revoked_at"]:
        return "revoked"
    return "expired" if ages.left(row["expires_at"], context.now) == "over" else "active"


def _uses(row: Row, _: Context) -> str:
    return f"{row['uses']}/{row['max_uses'] or 'any'}"


def _limit(row: Row, _: Context) -> str:
    return str(row["max_concurrent"] or "none")


def _pool_state(row: Row, _: Context) -> str:
    return "paused" if row["paused"] else "active"


TASK_STATES: Final = (
    "pending", "dispatching", "running", "apply_pending", "unknown",
    "completed", "failed", "cancelled", "timed_out",
)  # fmt: skip
OPEN_STATES: Final = ",".join(TASK_STATES[:5])

TASK: Final = Kind(
    "task",
    frozenset({"task", "tasks", "t"}),
    "/api/v1/tasks",
    (
        Column("ID", _short_id, most=18),
        Column("NAME", lambda row, _: name_of(row), most=18),
        Column("STATE", text("state"), is_state=True),
        Column("WHY", _why, most=16),
        Column("AGENT", text("agent"), most=18, keeps_end=True),
        Column("AGE", age("submitted_at")),
        Column("RAN", _ran),
        Column("TRIES", text("attempts_made"), only_wide=True),
        Column("POOL", text("pool"), only_wide=True),
        Column("PROJECT", text("project"), only_wide=True),
        Column("OWNER", text("owner"), only_wide=True),
        Column("PRIORITY", text("priority"), only_wide=True),
        Column("LABELS", labels("labels"), most=40, only_wide=True),
    ),
    {
        **{state: {"state": state} for state in TASK_STATES},
        "open": {"state": OPEN_STATES},
        "ended": {"state": ",".join(TASK_STATES[5:])},
        "done": {"state": ",".join(TASK_STATES[5:])},
    },
    {
        "state": "state",
        "project": "project",
        "pool": "pool",
        "owner": "owner",
        "agent": "agent",
        "name": "name",
        "parent_id": "parent",
    },
    is_watched=True,
)
AGENT: Final = Kind(
    "agent",
    frozenset({"agent", "agents", "ag"}),
    "/api/v1/agents",
    (
        Column("NAME", text("name"), most=30, keeps_end=True),
        Column("STATUS", text("status"), is_state=True),
        Column("WANTED", text("desired"), is_state=True),
        Column("SLOTS", slots),
        Column("HEARD", age("last_heartbeat_at")),
        Column("LABELS", labels("labels"), most=30),
        Column("PROJECT", text("project"), only_wide=True),
        Column("TYPE", text("agent_type"), only_wide=True),
        Column("ID", text("id"), only_wide=True),
    ),
    {
        **{state: {"observed": state} for state in ("pending", "online", "offline", "error")},
        **{state: {"desired": state} for state in ("active", "paused", "draining", "revoked")},
        "busy": {"status": "busy"},
    },
    {name: name for name in ("name", "project", "agent_type", "desired", "observed", "pool")},
    is_watched=True,
)
POOL: Final = Kind(
    "pool",
    frozenset({"pool", "pools", "pl"}),
    "/api/v1/agent-pools",
    (
        Column("NAME", text("name"), most=30),
        Column("STATE", _pool_state, is_state=True),
        Column("TYPE", text("pool_type")),
        Column("STRATEGY", text("selection_strategy")),
        Column("LIMIT", _limit),
        Column("PROJECT", text("project"), most=20),
        Column("REQUIRES", labels("required_labels"), only_wide=True),
        Column("ID", text("id"), only_wide=True),
    ),
    {},
    {"project": "project", "name": "name"},
    is_watched=True,
)
PROJECT: Final = Kind(
    "project",
    frozenset({"project", "projects", "pr"}),
    "/api/v1/projects",
    (
        Column("NAME", text("name"), most=40),
        Column("WEIGHT", text("weight")),
        Column("AGE", age("created_at")),
        Column("DESCRIPTION", text("description"), most=40),
        Column("ID", text("id"), only_wide=True),
    ),
    {},
)
TOKEN: Final = Kind(
    "token",
    frozenset({"token", "tokens", "tok"}),
    "/api/v1/tokens",
    (
        Column("LABEL", text("label"), most=30),
        Column("STATE", _token_state, is_state=True),
        Column("KEY", text("key_id")),
        Column("AGE", age("created_at")),
        Column("USED", age("used_at")),
        Column("EXPIRES", left("expires_at")),
        Column("ID", text("id"), only_wide=True),
    ),
    {},
    named_by="label",
    is_single=False,
)
ENROLMENT: Final = Kind(
    "enrolment-token",
    frozenset({"enrolment-token", "enrolment-tokens", "enr"}),
    "/api/v1/enrolment-tokens",
    (
        Column("LABEL", text("label"), most=30),
        Column("STATE", _token_state, is_state=True),
        Column("KEY", text("key_id")),
        Column("USES", _uses),
        Column("AGE", age("created_at")),
        Column("EXPIRES", left("expires_at")),
        Column("ID", text("id"), only_wide=True),
    ),
    {},
    named_by="label",
    is_single=False,
)
# Its path has a project in it: `places.of` fills it in.
MEMBER: Final = Kind(
    "member",
    frozenset({"member", "members"}),
    "/api/v1/projects/{project}/members",
    (
        Column("USER", text("user"), most=40),
        Column("ROLES", joined("roles"), most=50),
        Column("EVERYWHERE", joined("roles_everywhere"), most=30),
        Column("ID", text("id"), only_wide=True),
    ),
    {},
    named_by="user",
    is_single=False,
)
KINDS: Final = (
    TASK, AGENT, POOL, POD, SLOTS, DECISION, K8S_CONFIG, PROJECT, TOKEN, ENROLMENT, MEMBER,
)  # fmt: skip
