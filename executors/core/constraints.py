"""Do the facts of an agent satisfy a constraint of a task?

A constraint is ``ltarget operand rtarget``: the left side names a fact by its path, such as
``labels.gpu``, ``capabilities.drivers`` or ``device.cpu.logicalCores``; the right side is text.
The operands are Nomad's (Job specification, "constraint").
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from executors.core import versions
from executors.core.pattern_syntax import PatternProblem
from executors.core.patterns import compile_pattern
from k8s4r.core.errors import FieldProblem, pointer

ROOTS: Final = ("labels", "capabilities", "device")
MAX_CONSTRAINTS: Final = 32
MAX_TARGET_CHARACTERS: Final = 253
MAX_PATTERN_CHARACTERS: Final = 200
MAX_SUBJECT_CHARACTERS: Final = 1000


class Operand(StrEnum):
    """How the two sides are compared."""

    EQUAL = "="
    UNEQUAL = "!="
    GREATER = ">"
    GREATER_EQUAL = ">="
    LESS = "<"
    LESS_EQUAL = "<="
    REGEXP = "regexp"
    SET_CONTAINS = "set_contains"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition on the facts of an agent."""

    ltarget: str
    operand: Operand
    rtarget: str

    def __str__(self) -> str:
        return f"{self.ltarget} {self.operand} {self.rtarget}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a constraint holds, and the fact that was found; ``None`` where there is none."""

    ok: bool
    found: str | None


def validate(constraint: Constraint, *, at: str = "") -> list[FieldProblem]:
    """Return what is wrong with a constraint; ``at`` is the JSON pointer of it."""
    return [*_target_problems(constraint, at), *_right_problems(constraint, at)]


def evaluate(constraint: Constraint, facts: Mapping[str, object]) -> Verdict:
    """Compare a fact with the right side.

    ``facts`` has one mapping per root. A fact that is missing satisfies only ``!=``. Ordering is
    by number when both sides are numbers, else by text; equality is by number when the fact itself
    is a number, else by text, so that the label ``1.10`` is not ``1.1``. A list counts as its
    items; as text they are joined by commas.
    """
    fact = find(constraint.ltarget, facts)
    if fact is None:
        return Verdict(constraint.operand is Operand.UNEQUAL, None)
    return Verdict(_TESTS[constraint.operand](fact, constraint.rtarget), as_text(fact))


def find(path: str, facts: Mapping[str, object]) -> object | None:
    """Return the fact at a dotted path, ``None`` where there is none.

    Keys may have dots themselves (``labels.k8s4r.io/zone``): the longest key that leads to a fact
    wins. A number selects an item of a list.
    """
    root, _, rest = path.partition(".")
    return _descend(facts.get(root), rest)


def as_text(fact: object) -> str:
    """Return a fact as the text that it is compared by and shown as."""
    if isinstance(fact, bool):
        return "true" if fact else "false"
    if isinstance(fact, float) and fact.is_integer():
        return str(int(fact))
    if isinstance(fact, Mapping | list | tuple):
        return ",".join(_items(fact))
    return str(fact)


def _target_problems(constraint: Constraint, at: str) -> Iterator[FieldProblem]:
    root, _, rest = constraint.ltarget.partition(".")
    if root not in ROOTS or not rest or len(constraint.ltarget) > MAX_TARGET_CHARACTERS:
        yield FieldProblem(
            at + pointer("ltarget"),
            "fact_path",
            f"begins with one of {', '.join(ROOTS)} and a dot, at most "
            f"{MAX_TARGET_CHARACTERS} characters",
        )


def _right_problems(constraint: Constraint, at: str) -> Iterator[FieldProblem]:
    where = at + pointer("rtarget")
    if len(constraint.rtarget) > MAX_TARGET_CHARACTERS:
        yield FieldProblem(where, "max_length", f"at most {MAX_TARGET_CHARACTERS} characters")
    elif constraint.operand is Operand.REGEXP:
        problem = _pattern_problem(constraint.rtarget)
        if problem:
            yield FieldProblem(where, "regexp", problem)
    elif constraint.operand is Operand.VERSION and not versions.is_range(constraint.rtarget):
        yield FieldProblem(where, "version", "write versions as in '>= 1.2, < 2'")
    elif constraint.operand is Operand.SET_CONTAINS and not _wanted(constraint.rtarget):
        yield FieldProblem(where, "required", "name at least one item")


def _pattern_problem(pattern: str) -> str | None:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return f"at most {MAX_PATTERN_CHARACTERS} characters"
    try:
        compile_pattern(pattern)
    except PatternProblem as problem:
        return str(problem)
    return None


def _descend(fact: object, path: str) -> object | None:
    if not path or fact is None:
        return fact if not path else None
    if isinstance(fact, list):
        head, _, rest = path.partition(".")
        inside = head.isdecimal() and int(head) < len(fact)
        return _descend(fact[int(head)], rest) if inside else None
    if not isinstance(fact, Mapping):
        return None
    for key, rest in _splits(path):
        if key in fact:
            return _descend(fact[key], rest)
    return None


def _splits(path: str) -> Iterator[tuple[str, str]]:
    """Yield every (key, rest) of a path, the longest key first."""
    yield path, ""
    at = path.rfind(".")
    while at > 0:
        yield path[:at], path[at + 1 :]
        at = path.rfind(".", 0, at)


def _items(fact: object) -> list[str]:
    if isinstance(fact, Mapping):
        return [str(key) for key in fact]
    if isinstance(fact, list | tuple):
        return [as_text(item) for item in fact]
    return _wanted(as_text(fact))


def _wanted(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")


def _number(text: str) -> Decimal | None:
    text = text.strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _order(fact: object, right: str) -> int:
    """Return -1, 0 or 1: where the fact lies beside the right side."""
    left = as_text(fact)
    one, other = _number(left), _number(right)
    if one is not None and other is not None:
        return (one > other) - (one < other)
    return (left > right) - (left < right)


def _equal(fact: object, right: str) -> bool:
    if isinstance(fact, int | float) and not isinstance(fact, bool):
        return _order(fact, right) == 0
    return as_text(fact) == right


def _matches_pattern(fact: object, right: str) -> bool:
    return compile_pattern(right).is_found_in(as_text(fact)[:MAX_SUBJECT_CHARACTERS])


def _contains(fact: object, right: str) -> bool:
    return set(_wanted(right)) <= set(_items(fact))


def _in_range(fact: object, right: str) -> bool:
    return versions.satisfies(as_text(fact), right)


_TESTS: Final[Mapping[Operand, Callable[[object, str], bool]]] = {
    Operand.EQUAL: _equal,
    Operand.UNEQUAL: lambda fact, right: not _equal(fact, right),
    Operand.GREATER: lambda fact, right: _order(fact, right) > 0,
    Operand.GREATER_EQUAL: lambda fact, right: _order(fact, right) >= 0,
    Operand.LESS: lambda fact, right: _order(fact, right) < 0,
    Operand.LESS_EQUAL: lambda fact, right: _order(fact, right) <= 0,
    Operand.REGEXP: _matches_pattern,
    Operand.SET_CONTAINS: _contains,
    Operand.VERSION: _in_range,
}


def problems(constraints: Sequence[Constraint], *, at: str = "/constraints") -> list[FieldProblem]:
    """Return what is wrong with a list of constraints; ``at`` is the JSON pointer of the list."""
    if len(constraints) > MAX_CONSTRAINTS:
        return [FieldProblem(at, "max_items", f"at most {MAX_CONSTRAINTS} constraints")]
    return [
        problem
        for index, constraint in enumerate(constraints)
        for problem in validate(constraint, at=at + pointer(index))
    ]
