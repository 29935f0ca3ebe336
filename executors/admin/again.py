"""How does a person run a task once more, with changes? A form that knows what it was before."""

import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

from executors import conf
from executors.admin.task_request import as_request
from executors.core import requests
from executors.selectors import TaskRecord
from executors.services import submission
from executors.services.submission import Submission
from k8s4r.core.errors import FieldProblem, Invalid

_TEXTS: Final = ("name", "pool")
_NUMBERS: Final = ("priority", "run_timeout_s")
_HELP: Final = {
    "command": "As you would type it in a shell; nothing in it is expanded.",
    "env": "One KEY=VALUE on each line.",
    "labels": "One KEY=VALUE on each line: the task is found by them.",
    "required_labels": "One KEY=VALUE on each line: the agent must carry them.",
    "further": "Everything else of the request, as JSON.",
    "run_timeout_s": "Seconds; empty: no limit.",
    "priority": "0 to 100; more is sooner.",
}
_LABELS: Final = ("labels", "required_labels")
_LONG: Final = frozenset({"env", *_LABELS, "further"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what stands in it, what stood there before, and what is wrong with it."""

    name: str
    value: str
    was: str
    problem: str

    @property
    def label(self) -> str:
        return self.name.removesuffix("_s").replace("_", " ")

    @property
    def help(self) -> str:
        return _HELP.get(self.name, "")

    @property
    def is_long(self) -> bool:
        return self.name in _LONG

    @property
    def rows(self) -> int:
        return max(2, min(12, self.value.count("\n") + 2))


def before(record: TaskRecord) -> dict[str, str]:
    """Return what stands in the form of this task, by field."""
    body = as_request(record)
    spec = dict(body.pop("spec"))
    values = {name: str(body.pop(name, getattr(record, name, "")) or "") for name in _NUMBERS}
    body.pop("project", None)
    argv = spec.pop("argv", None)
    return {
        "name": str(body.pop("name", "")),
        **({"command": shlex.join(map(str, argv))} if argv is not None else {}),
        **({"env": _as_lines(spec.pop("env", {}))} if argv is not None else {}),
        "pool": str(body.pop("pool", record.pool_name)),
        **{name: _as_lines(body.pop(name, {})) for name in _LABELS},
        **values,
        "further": json.dumps({"spec": spec, **body} if spec else body, indent=2),
    }


def fields(was: dict[str, str], said: dict[str, str], problems: dict[str, str]) -> list[Field]:
    """Return the form's fields with what a person said, or what was before."""
    return [
        Field(name, said.get(name, value), value, problems.get(name, ""))
        for name, value in was.items()
    ]


def submit(record: TaskRecord, said: dict[str, str], terms: Submission) -> TaskRecord:
    """Submit what the form says, as a child of the task.

    Raises:
        Invalid: a field cannot be read or breaks a rule; its pointer begins with the field's name.
    """
    body = _body(record, said)
    asked = requests.read(body, min_lost_after_s=conf.leases().min_lost_after_s)
    return submission.submit(asked, terms)[0]


def by_field(errors: list[FieldProblem] | tuple[FieldProblem, ...]) -> dict[str, str]:
    """Return what is wrong, by the field of the form that it stands in."""
    places = {"spec/argv": "command", "spec/env": "env", **{name: name for name in _LABELS}}
    found: dict[str, str] = {}
    for error in errors:
        at = error.pointer.lstrip("/")
        name = next((field for place, field in places.items() if at.startswith(place)), at)
        name = name.split("/")[0]
        found.setdefault(name if name in {*_TEXTS, *_NUMBERS, *_HELP} else "further", error.detail)
    return found


def _body(record: TaskRecord, said: dict[str, str]) -> dict[str, Any]:
    body = _further(said.get("further", ""))
    spec = dict(body.pop("spec", {}))
    if "command" in said:
        spec["argv"] = _words(said["command"])
        spec["env"] = _as_pairs(said.get("env", ""), "env")
    body |= {name: said[name] for name in _TEXTS if said.get(name)}
    body |= {name: _number(said[name], name) for name in _NUMBERS if said.get(name)}
    labels = {name: _as_pairs(said.get(name, ""), name) for name in _LABELS}
    driver = {"driver": record.driver} if "driver" not in body else {}
    return {**driver, **body, "spec": spec, **labels, "project": str(record.project_id)}


def _further(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise _wrong("further", f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _wrong("further", "has to be an object: { ... }")
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise _wrong("command", f"cannot be read: {error}") from error


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _wrong(name, "has to be a whole number") from None


def _as_lines(pairs: dict[str, str]) -> str:
    return "\n".join(f"{key}={value}" for key, value in sorted(pairs.items()))


def _as_pairs(text: str, name: str) -> dict[str, str]:
    pairs = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = line.partition("=")
        if not equals:
            raise _wrong(name, f"{line[:40]!r} has no =")
        pairs[key] = value
    return pairs


def _wrong(name: str, detail: str) -> Invalid:
    return Invalid(f"{name}: {detail}", errors=[FieldProblem(f"/{name}", "form", detail)])
