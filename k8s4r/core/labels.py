"""What is a label, and does a set of labels satisfy a selector?

Keys and values follow Kubernetes (Labels and Selectors, "Syntax and character set"), so that a
label means the same on a machine and on a pod.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from k8s4r.core.errors import FieldProblem, Invalid, pointer

MAX_LABELS: Final = 64
# Of a task: every move of it writes the row once more, and people read them in lists.
MAX_TASK_LABELS: Final = 32
NAME_CHARACTERS: Final = 63
PREFIX_CHARACTERS: Final = 253

_WORD: Final = "[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
# A label as a query string has it; `parse` is stricter about lengths and prefixes.
Pair: TypeAlias = Annotated[str, Meta(pattern=f"^([a-z0-9.-]+/)?{_WORD}=({_WORD})?$")]

_NAME: Final = re.compile(_WORD)
_DNS_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def matches(required: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Is every required label there with exactly that value? Nothing required always matches."""
    return required.items() <= labels.items()


def first_missing(required: Mapping[str, str], labels: Mapping[str, str]) -> str | None:
    """Return the first key, by name, whose required value is not there; ``None`` on a match."""
    if matches(required, labels):
        return None
    return min(key for key, value in required.items() if labels.get(key) != value)


def problems(
    labels: Mapping[str, object], *, at: str = "/labels", most: int = MAX_LABELS
) -> list[FieldProblem]:
    """Return what is wrong with a map of labels; ``at`` is the JSON pointer of the map."""
    if len(labels) > most:
        return [FieldProblem(at, "max_items", f"at most {most} labels")]
    return list(_each_problem(labels, at))


def check(labels: Mapping[str, object], *, at: str = "/labels") -> None:
    """Refuse labels that break a rule.

    Raises:
        Invalid: names every key and value that is wrong.
    """
    found = problems(labels, at=at)
    if found:
        raise Invalid("some labels are not valid", errors=found)


def parse(items: Iterable[str], *, at: str = "/labels") -> dict[str, str]:
    """Read labels written as ``key=value``.

    Raises:
        Invalid: an item has no ``=``, a key is there twice, or a label breaks a rule.
    """
    labels: dict[str, str] = {}
    for index, item in enumerate(items):
        key, equals, value = item.partition("=")
        if not equals or key in labels:
            rule, detail = ("unique", "this key is there twice") if equals else _NO_EQUALS
            problem = FieldProblem(at + pointer(index), rule, detail)
            raise Invalid("some labels are not valid", errors=[problem])
        labels[key] = value
    check(labels, at=at)
    return labels


def read(given: Mapping[str, str] | Sequence[str], *, at: str = "/labels") -> dict[str, str]:
    """Read labels given as a map, or as a list of ``key=value``.

    Raises:
        Invalid: a label breaks a rule.
    """
    if not isinstance(given, Mapping):
        return parse(given, at=at)
    check(given, at=at)
    return dict(given)


_NO_EQUALS: Final = ("label_form", "write a label as key=value")


def _each_problem(labels: Mapping[str, object], at: str) -> Iterator[FieldProblem]:
    for key, value in labels.items():
        where = at + pointer(key)
        if not _is_key(key):
            yield FieldProblem(where, "label_key", _KEY_RULE)
        if not (isinstance(value, str) and _is_value(value)):
            yield FieldProblem(where, "label_value", _VALUE_RULE)


_KEY_RULE: Final = (
    "a key is up to 63 letters, digits, '-', '_' and '.', begins and ends with a letter or digit, "
    "and may have a DNS name and '/' before it"
)
_VALUE_RULE: Final = (
    "a value is text: empty, or up to 63 letters, digits, '-', '_' and '.', beginning and ending "
    "with a letter or digit"
)


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return _is_name(name) and (not slash or _is_dns_name(prefix))


def _is_value(value: str) -> bool:
    return not value or _is_name(value)


def _is_name(name: str) -> bool:
    return len(name) <= NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def _is_dns_name(name: str) -> bool:
    return len(name) <= PREFIX_CHARACTERS and all(
        _DNS_LABEL.fullmatch(part) for part in name.split(".")
    )
