"""Does a version lie in a range such as ``>= 1.2, < 2``?

Versions are ordered as in Semantic Versioning 2.0.0, section 11, with any number of parts: missing
ones count as 0, and a pre-release is older than its release. Build metadata does not count.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from operator import eq, ge, gt, le, lt, ne
from typing import Final, TypeAlias

_PARTS: Final = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}"
_VERSION: Final = re.compile(
    rf"v?({_PARTS})(?:-([0-9A-Za-z.-]{{1,64}}))?(?:\+[0-9A-Za-z.-]{{1,64}})?"
)
_CLAUSE: Final = re.compile(r"\s*(=|!=|>=|<=|>|<|~>)?\s*(\S{1,200})\s*")

# Numeric identifiers sort before words; the flag keeps the two from being compared.
_Label: TypeAlias = tuple[bool, int, str]
_Version: TypeAlias = tuple[tuple[int, ...], tuple[_Label, ...]]


def is_range(text: str) -> bool:
    """Can this be read as a range? A version alone means exactly that one."""
    return all(version is not None for _, version in _clauses(text))


def satisfies(version: str, wanted: str) -> bool:
    """Does the version satisfy every clause? What cannot be read satisfies nothing.

    ``~> 1.2`` is ``>= 1.2, < 2``, and ``~> 1.2.3`` is ``>= 1.2.3, < 1.3``.
    """
    found = _parse(version)
    if found is None:
        return False
    return all(right is not None and _TESTS[sign](found, right) for sign, right in _clauses(wanted))


def _clauses(text: str) -> Iterator[tuple[str, _Version | None]]:
    for clause in text.split(","):
        parts = _CLAUSE.fullmatch(clause)
        yield (parts[1] or "=", _parse(parts[2])) if parts else ("=", None)


def _parse(text: str) -> _Version | None:
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    numbers = tuple(int(part) for part in found[1].split("."))
    labels = tuple(_label(part) for part in found[2].split(".")) if found[2] else ()
    return numbers, labels


def _label(text: str) -> _Label:
    return (False, int(text), "") if text.isdecimal() else (True, 0, text)


def _order(left: _Version, right: _Version) -> int:
    """Return -1, 0 or 1: where the left version lies beside the right one."""
    for one, other in zip_longest(left[0], right[0], fillvalue=0):
        if one != other:
            return 1 if one > other else -1
    if not left[1] or not right[1]:
        return bool(right[1]) - bool(left[1])
    return (left[1] > right[1]) - (left[1] < right[1])


def _compatible(left: _Version, right: _Version) -> bool:
    fixed = right[0][:-1]
    padded = left[0] + (0,) * len(fixed)
    return _order(left, right) >= 0 and padded[: len(fixed)] == fixed


def _by(compare: Callable[[int, int], bool]) -> Callable[[_Version, _Version], bool]:
    return lambda left, right: compare(_order(left, right), 0)


_TESTS: Final[Mapping[str, Callable[[_Version, _Version], bool]]] = {
    "=": _by(eq),
    "!=": _by(ne),
    ">": _by(gt),
    ">=": _by(ge),
    "<": _by(lt),
    "<=": _by(le),
    "~>": _compatible,
}
