r"""Does a regular expression match somewhere in a text, in a time that nobody can blow up?

Users write the pattern and machines the text, and every candidate of every pass is asked, so
backtracking is out of the question. The pattern becomes a program whose possible places advance
together (Thompson 1968, as in RE2): time is at most text times pattern.

The syntax is what RE2 and Python share, without back references and look-around: literals,
``.``, ``[a-z]``, ``\d \w \s``, groups, ``|``, ``* + ? {m,n}``, ``^``, ``$``, and ``(?i)`` in
front.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from executors.core.pattern_syntax import Anchor, Characters, Jump, Program, parse

_MEMO_ENTRIES: Final = 20_000

_Places: TypeAlias = frozenset[int]


class Pattern:
    """A compiled pattern. Remembers its moves, which makes the usual text one look-up a character.

    Safe to share between threads: a move is a function of its key, so whoever is second writes
    the same.
    """

    def __init__(self, program: Program, *, ignores_case: bool) -> None:
        self._program = program
        self._end = len(program)
        self._ignores_case = ignores_case
        self._seed = self._closure([0], at_start=False)
        self._moves: dict[tuple[_Places, str], _Places] = {}

    def is_found_in(self, text: str) -> bool:
        """Is there a match anywhere in the text? ``^`` and ``$`` are its very ends."""
        places = self._closure([0], at_start=True)
        for character in text:
            if self._end in places:
                return True
            places = self._move(places, character)
        last = self._closure(places, at_start=not text, at_end=True)
        return self._end in last

    def _move(self, places: _Places, character: str) -> _Places:
        key = places, character
        known = self._moves.get(key)
        if known is None:
            known = self._advance(places, character)
            if len(self._moves) < _MEMO_ENTRIES:
                self._moves[key] = known
        return known

    def _advance(self, places: _Places, character: str) -> _Places:
        cases = character
        if self._ignores_case:
            cases = character + character.lower() + character.upper()
        passed = []
        for place in places:
            step = self._program[place]
            if isinstance(step, Characters) and step.accepts(cases):
                passed.append(place + 1)
        return self._closure(passed, at_start=False) | self._seed

    def _closure(self, places: Iterable[int], *, at_start: bool, at_end: bool = False) -> _Places:
        """Return every place that is reached from these without reading a character."""
        seen: set[int] = set()
        todo = list(places)
        while todo:
            place = todo.pop()
            if place in seen:
                continue
            seen.add(place)
            if place < self._end:
                todo.extend(self._reached(place, at_start=at_start, at_end=at_end))
        return frozenset(seen)

    def _reached(self, place: int, *, at_start: bool, at_end: bool) -> Iterable[int]:
        step = self._program[place]
        if isinstance(step, Jump):
            return [place + offset for offset in step.offsets]
        passes = (step is Anchor.START and at_start) or (step is Anchor.END and at_end)
        return [place + 1] if passes else []


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """Return the compiled pattern.

    Raises:
        PatternProblem: it cannot be read or is too big; the message is for the one who wrote it.
    """
    ignores_case = text.startswith("(?i)")
    return Pattern(parse(text[4:] if ignores_case else text), ignores_case=ignores_case)
