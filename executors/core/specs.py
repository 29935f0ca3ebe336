"""What may the spec of a task say, by its kind and its driver?

exec              what the driver runs
plan              {"plan": what the driver runs}
plan_and_apply    {"plan": ..., "apply": ...}, each complete in itself
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from agents.wire.specs import ExecSpec, NoopSpec
from k8s4r.core import conversion
from k8s4r.core.errors import FieldProblem, pointer

# What execve takes in one string (Linux, MAX_ARG_STRLEN), and half of what it takes in all.
ARGUMENT_BYTES: Final = 128 * 1024 - 1
COMMAND_BYTES: Final = 1024 * 1024
OWN_PREFIX: Final = "K8S4R_"

_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The one phase of every kind that has none by name.
RUN: Final = "run"
# The phases of each kind that has some, in their order.
PHASES: Final[Mapping[str, tuple[str, ...]]] = {
    "plan": ("plan",),
    "plan_and_apply": ("plan", "apply"),
}


class ExecAsked(ExecSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spec of the ``exec`` driver, as people give it."""


class NoopAsked(NoopSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spec of the ``noop`` driver, as people give it."""


def _schema(*kinds: type[msgspec.Struct]) -> dict[str, Any]:
    """Return "one of these"; which of them it is, kind and driver of the task say."""
    return {"anyOf": [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]}


OfDriver: TypeAlias = Annotated[
    dict[str, Any], Meta(extra_json_schema=_schema(ExecAsked, NoopAsked))
]


class PlanAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Spec of a ``plan``."""

    plan: OfDriver


class PlanAndApplyAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Spec of a ``plan_and_apply``: the apply runs in the folder of the plan, once approved."""

    plan: OfDriver
    apply: OfDriver


_BY_DRIVER: Final[Mapping[str, type[msgspec.Struct]]] = {"exec": ExecAsked, "noop": NoopAsked}
# What the schema of a task refers to.
ALL: Final = (ExecAsked, NoopAsked, PlanAsked, PlanAndApplyAsked)
SCHEMA: Final = _schema(*ALL)


def first_phase(kind: str) -> str:
    """Return the phase that a task of this kind begins with."""
    return phases(kind)[0]


def phases(kind: str) -> tuple[str, ...]:
    """Return the phases of a task of this kind, in their order."""
    return PHASES.get(kind, (RUN,))


def parts(kind: str, spec: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the driver runs in each phase of a task, in their order."""
    if kind not in PHASES:
        return {RUN: spec}
    return {phase: spec[phase] for phase in PHASES[kind] if phase in spec}


def problems(kind: str, driver: str, spec: Mapping[str, Any], *, at: str) -> Iterator[FieldProblem]:
    """Yield what is wrong with a spec; ``at`` is the JSON pointer that leads to it."""
    if kind not in PHASES:
        yield from _driver_problems(driver, spec, at)
        return
    for name in spec:
        if name not in PHASES[kind]:
            detail = f"a {kind} has {' and '.join(PHASES[kind])}"
            yield FieldProblem(at + pointer(name), conversion.UNKNOWN, detail)
    for phase in PHASES[kind]:
        if phase in spec:
            yield from _driver_problems(driver, spec[phase], at + pointer(phase))
        else:
            yield FieldProblem(at + pointer(phase), conversion.MISSING, "is missing")


def _driver_problems(driver: str, spec: object, at: str) -> Iterator[FieldProblem]:
    kind = _BY_DRIVER[driver]
    try:
        asked = msgspec.convert(spec, kind)
    except msgspec.ValidationError as error:
        yield from conversion.problems(spec, kind, str(error), at=at)
        return
    if isinstance(asked, ExecAsked):
        yield from _exec_problems(asked, at)


def _exec_problems(spec: ExecAsked, at: str) -> Iterator[FieldProblem]:
    if spec.cwd is not None and not spec.cwd.startswith("/"):
        yield FieldProblem(at + "/cwd", "absolute_path", "begins with /")
    for name in spec.env:
        if not _ENV_NAME.fullmatch(name):
            detail = "letters, digits and _, not beginning with a digit"
            yield FieldProblem(at + pointer("env", name), "env_name", detail)
        elif name.startswith(OWN_PREFIX):
            yield FieldProblem(at + pointer("env", name), "reserved", f"{OWN_PREFIX}* is ours")
    yield from _size_problems(spec, at)


def _size_problems(spec: ExecAsked, at: str) -> Iterator[FieldProblem]:
    """Yield what the kernel would refuse to start."""
    texts: Sequence[tuple[tuple[str | int, ...], str]] = [
        *((("argv", index), text) for index, text in enumerate(spec.argv)),
        *((("env", name), f"{name}={value}") for name, value in spec.env.items()),
    ]
    total = 0
    for where, text in texts:
        if "\x00" in text:
            yield FieldProblem(at + pointer(*where), "nul", "NUL ends a string for the kernel")
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        total += size + 1
        if size > ARGUMENT_BYTES:
            detail = f"at most {ARGUMENT_BYTES} bytes"
            yield FieldProblem(at + pointer(*where), "max_bytes", detail)
    if total > COMMAND_BYTES:
        yield FieldProblem(at, "max_bytes", f"argv and env: at most {COMMAND_BYTES} bytes in all")
