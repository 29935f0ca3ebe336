"""How does a person run a task once more, with changes? A form that knows what it was before."""

import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

from executors import conf
from executors.admin.task_request import as_request, called
from executors.core import requests, specs
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
_PHASES: Final = (specs.RUN, *specs.PHASES["plan_and_apply"])
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
        return _HELP.get(_of_part(self.name), "")

    @property
    def is_long(self) -> bool:
        return _of_part(self.name) in _LONG

    @property
    def rows(self) -> int:
        return max(2, min(12, self.value.count("\n") + 2))


def before(record: TaskRecord) -> dict[str, str]:
    """Return what stands in the form of this task, by field."""
    body = as_request(record)
    commands, rest = _taken_apart(record.kind, body.pop("spec"))
    values = {name: str(body.pop(name, getattr(record, name, "")) or "") for name in _NUMBERS}
    body.pop("project", None)
    return {
        "name": str(body.pop("name", "")),
        **commands,
        "pool": str(body.pop("pool", record.pool_name)),
        **{name: _as_lines(body.pop(name, {})) for name in _LABELS},
        **values,
        "further": json.dumps({"spec": rest, **body} if rest else body, indent=2),
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
    places = {name: name for name in _LABELS}
    for phase in _PHASES:
        part = "spec" if phase == specs.RUN else f"spec/{phase}"
        places |= {f"{part}/argv": _field("command", phase), f"{part}/env": _field("env", phase)}
    found: dict[str, str] = {}
    for error in errors:
        at = error.pointer.lstrip("/")
        name = next((field for place, field in places.items() if at.startswith(place)), at)
        name = name.split("/")[0]
        known = _of_part(name) in {*_TEXTS, *_NUMBERS, *_HELP}
        found.setdefault(name if known else "further", error.detail)
    return found


def _taken_apart(kind: str, spec: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the fields for the commands of a spec, and the rest of it."""
    found: dict[str, str] = {}
    rest: dict[str, Any] = {}
    for phase, part in specs.parts(kind, spec).items():
        left = dict(part)
        if "argv" in left:
            found[_field("command", phase)] = shlex.join(map(str, left.pop("argv")))
            found[_field("env", phase)] = _as_lines(left.pop("env", {}))
        if left or "argv" not in part:
            rest[phase] = left
    return found, rest.get(specs.RUN, {}) if specs.RUN in specs.phases(kind) else rest


def _put_together(kind: str, rest: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    """Return the spec that the fields for its commands say, and the rest of it."""
    spec = rest
    for phase in specs.phases(kind):
        command, env = _field("command", phase), _field("env", phase)
        if command not in said:
            continue
        part = spec if phase == specs.RUN else spec.get(phase, {})
        if not isinstance(part, dict):
            raise _wrong("further", f"{phase} has to be an object: {{ ... }}")
        words, pairs = _words(said[command], command), _as_pairs(said.get(env, ""), env)
        part = {**part, "argv": words, "env": pairs}
        spec = part if phase == specs.RUN else {**spec, phase: part}
    return spec


def _field(name: str, phase: str) -> str:
    return called(phase, name).replace(" ", "_")


def _of_part(field: str) -> str:
    """Return the name of a field without the phase that it is for."""
    first, _, name = field.partition("_")
    return name if first in _PHASES else field


def _body(record: TaskRecord, said: dict[str, str]) -> dict[str, Any]:
    body = _further(said.get("further", ""))
    rest = body.pop("spec", {})
    if not isinstance(rest, dict):
        raise _wrong("further", "spec has to be an object: { ... }")
    spec = _put_together(record.kind, rest, said)
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


def _words(text: str, name: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise _wrong(name, f"cannot be read: {error}") from error


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
