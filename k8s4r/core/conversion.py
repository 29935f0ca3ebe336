"""Does decoded JSON fit a typed value, and which of its fields do not?

msgspec stops at the first thing that is wrong; a person wants all of them. So a struct that does
not fit is looked at again field by field, which only bad input pays for.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec

from k8s4r.core.errors import DomainError, FieldProblem, Invalid, Malformed, pointer

T = TypeVar("T")

MISSING: Final = "required"
UNKNOWN: Final = "unknown_field"
TYPE: Final = "type"
BOUNDS: Final = "bounds"
ENUM: Final = "enum"

# The form of msgspec's messages: "<what> - at `$.a[0].b`".
_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>\$[^`]*)`)?", re.DOTALL)
_KEY_OF: Final = re.compile(r"(?P<what>.*?) - at `key` in `(?P<path>\$[^`]*)`", re.DOTALL)
_SOME_KEY: Final = "/..."
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `([^`]+)`")


def convert(value: object, kind: type[T], *, at: str = "") -> T:
    """Return the value as the type; ``at`` is the JSON pointer of the value.

    Raises:
        Malformed: a field has another type.
        Invalid: fields are missing, unknown or out of bounds; names each.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise refusal(problems(value, kind, str(error), at=at)) from error


def problems(value: object, kind: type[Any], message: str, *, at: str = "") -> list[FieldProblem]:
    """Return what is wrong with a value that msgspec refused with this message."""
    if not (isinstance(value, Mapping) and issubclass(kind, msgspec.Struct)):
        return [problem(message, at=at)]
    return list(_each_problem(value, kind, at)) or [problem(message, at=at)]


def problem(message: str, *, at: str = "") -> FieldProblem:
    """Return msgspec's complaint as ours."""
    match = _KEY_OF.fullmatch(message) or _AT.fullmatch(message)
    assert match is not None, "every text has this form"
    what, path = match["what"], match["path"] or ""
    steps: list[str | int] = [name or index for name, index in _STEP.findall(path)]
    named = _FIELD.match(what)
    if named:
        where = at + pointer(*steps, named[2])
        if named[1] == "missing required":
            return FieldProblem(where, MISSING, "is missing")
        return FieldProblem(where, UNKNOWN, "is not a field here")
    return FieldProblem(at + pointer(*steps), _rule(what), what)


def refusal(found: Sequence[FieldProblem]) -> DomainError:
    """Return the error for these problems: another type is bad form, the rest bad meaning."""
    assert found
    first = found[0]
    message = f"{first.pointer or 'the body'}: {first.detail}"
    if any(each.rule == TYPE for each in found):
        return Malformed(message, errors=found)
    return Invalid(message, errors=found)


def _rule(what: str) -> str:
    if what.startswith("Invalid enum value"):
        return ENUM
    return TYPE if ", got `" in what else BOUNDS


def _each_problem(
    value: Mapping[str, object], kind: type[msgspec.Struct], at: str
) -> Iterator[FieldProblem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    if kind.__struct_config__.forbid_unknown_fields:
        for name in value.keys() - fields.keys():
            yield FieldProblem(at + pointer(name), UNKNOWN, "is not a field here")
    for name, field in fields.items():
        if name not in value:
            if field.required:
                yield FieldProblem(at + pointer(name), MISSING, "is missing")
            continue
        yield from _field_problems(value[name], field.type, at + pointer(name))


def _field_problems(value: object, kind: Any, at: str) -> Iterator[FieldProblem]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = problem(str(error), at=at)
        if isinstance(value, Mapping) and found.pointer == at + _SOME_KEY:
            yield from _key_problems(value, kind, at)
        else:
            yield found


def _key_problems(value: Mapping[str, object], kind: Any, at: str) -> Iterator[FieldProblem]:
    """Yield the problems of a map's values under their keys, which msgspec does not name."""
    for key, item in value.items():
        try:
            msgspec.convert({key: item}, kind)
        except msgspec.ValidationError as error:
            yield replace(problem(str(error)), pointer=at + pointer(key))
