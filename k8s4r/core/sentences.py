"""How does a person say what happened? One readable sentence for each event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

LONGEST: Final = 80
_NONE: Final = "none"

# What people ask of an agent, in one word each.
_WISHES: Final[Mapping[str, str]] = {
    "pause": "paused it",
    "drain": "drained it",
    "resume": "resumed it",
    "revoke": "revoked it",
}
# A second factor belongs to a person: what was done with it stands in the cause alone.
_FACTOR_DEEDS: Final[Mapping[str, str]] = {
    "begin_second_factor": "began to set up a second factor",
    "turn_on_second_factor": "turned the second factor on",
    "turn_off_second_factor": "turned the second factor off",
    "reset_second_factor": "reset the second factor",
    "renew_recovery_codes": "made new recovery codes",
    "use_recovery_code": "used a recovery code",
}
# What stands for the cause of a change that nobody signed.
_UNSIGNED: Final = frozenset({"", "INSERT", "UPDATE", "DELETE"})
_ENDS: Final[Mapping[str, str]] = {
    "deleted": "deleted",
    "archived": "archived",
    "revoked": "revoked",
    "used_up": "used up",
    "rotating": "asked for a successor of",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an event says; ``actor`` and ``via`` in words.

    ``member`` names a pool's member, or who got a role.
    """

    kind: str
    from_state: str
    to_state: str
    cause: str
    actor: str
    via: str = ""
    reason: str = ""
    number: int | None = None
    member: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


def sentence(told: Told) -> str:
    """Return who did what, and through what: ``alice changed limit 5 -> 50 (web)``."""
    said = f"{told.actor} {_deed(told)}"
    return f"{said} ({told.via})" if told.via else said


def changed(changes: Mapping[str, Any]) -> str:
    """Return changed columns as ``a 1 -> 2, labels.gpu none -> yes``."""
    return ", ".join(
        f"{name} {shown(before)} -> {shown(after)}" for name, before, after in pairs(changes)
    )


def pairs(changes: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, old and new value; of maps only the keys that differ."""
    for name, (before, after) in sorted(changes.items()):
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    yield f"{name}.{key}", before.get(key), after.get(key)
        else:
            yield name, before, after


def shown(value: Any) -> str:
    """Return a value for people, cut where it gets long."""
    if value is None or value == "":
        return _NONE
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _deed(told: Told) -> str:
    if told.kind in {"task", "attempt"}:
        return _move(told)
    if told.kind in {"pool_member", "role"}:
        return _handed(told)
    if told.kind == "decision" and not told.from_state:
        _, comment = told.changes.get("comment") or ("", "")
        return f"{_word(told.to_state)} the plan" + (f": {shown(comment)}" if comment else "")
    if told.kind == "second_factor" and told.cause in _FACTOR_DEEDS:
        return _FACTOR_DEEDS[told.cause]
    return _change(told)


def _change(told: Told) -> str:
    """Return what became of a thing that has settings."""
    if not told.from_state:
        verb = "read" if told.to_state == "read" else "made"
        return f"{verb} the {_word(told.kind)}"
    if told.kind == "agent" and told.cause in _WISHES and "desired" in told.changes:
        return _WISHES[told.cause]
    if told.from_state != told.to_state:
        return _turn(told)
    return f"changed {changed(told.changes)}" if told.changes else "changed it"


def _handed(told: Told) -> str:
    """Return who came into a list, or which role a person got, or the end of that."""
    is_over = told.to_state == "deleted"
    if told.kind == "pool_member":
        return f"took {told.member} off the list" if is_over else f"listed {told.member}"
    before, after = told.changes.get("role") or ("", "")
    if is_over:
        return f"took the role {before}" + (f" from {told.member}" if told.member else "")
    return f"gave {told.member} the role {after}" if told.member else f"gave the role {after}"


def _move(told: Told) -> str:
    """Return a step of a task or an attempt."""
    what = f"attempt {told.number}" if told.kind == "attempt" else "the task"
    if not told.from_state:
        return f"submitted {what}" if told.kind == "task" else f"gave out {what}"
    if told.from_state == told.to_state:
        return f"asked {what} to stop"
    why = f": {_word(told.reason)}" if told.reason else ""
    return f"moved {what} {_word(told.from_state)} -> {_word(told.to_state)}{why}"


def _turn(told: Told) -> str:
    """Return a change of state; the values that changed with it are behind a comma."""
    if told.to_state in _ENDS:
        return f"{_ENDS[told.to_state]} the {_word(told.kind)}"
    _, reason = told.changes.get("observed_reason") or ("", "")
    known = reason or ("" if told.cause in _UNSIGNED else _word(told.cause))
    why = f": {shown(known)}" if known else ""
    return f"moved it {_word(told.from_state)} -> {_word(told.to_state)}{why}"


def _word(text: str) -> str:
    return text.replace("_", " ")
