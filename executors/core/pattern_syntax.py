"""What does a regular expression say, as a program of steps?

Jumps are relative, so that programs are joined and repeated by joining lists.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

MAX_STEPS: Final = 500
MAX_REPEAT: Final = 100


class PatternProblem(ValueError):
    """A pattern that cannot be read or is too big; the message says why."""


@dataclass(frozen=True, slots=True)
class Characters:
    """Reads one character of these ranges, or of none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def accepts(self, cases: str) -> bool:
        """Is one of these forms of a character in a range?"""
        inside = any(low <= case <= high for low, high in self.ranges for case in cases)
        return inside != self.negated


@dataclass(frozen=True, slots=True)
class Jump:
    """Goes on at each of these offsets at once."""

    offsets: tuple[int, ...]


class Anchor(Enum):
    """Goes on only at an end of the text."""

    START = "^"
    END = "$"


Step: TypeAlias = Characters | Jump | Anchor
Program: TypeAlias = list[Step]

_CLASSES: Final = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": ((" ", " "), ("\t", "\r")),
}
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t"}
_ANY: Final = Characters((("\n", "\n"),), negated=True)


def parse(text: str) -> Program:
    """Return the program of a pattern.

    Raises:
        PatternProblem: it cannot be read, or it has too many steps.
    """
    parser = _Parser(text)
    program = parser.alternatives()
    if parser.peek():
        raise PatternProblem("a ')' closes nothing")
    return program


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def alternatives(self) -> Program:
        program = self._sequence()
        while self._skip("|"):
            other = self._sequence()
            program = [
                Jump((1, len(program) + 2)),
                *program,
                Jump((len(other) + 1,)),
                *other,
            ]
        return _bounded(program)

    def _sequence(self) -> Program:
        program: Program = []
        while self.peek() and self.peek() not in "|)":
            program = _bounded(program + self._repeated(self._atom()))
        return program

    def _atom(self) -> Program:
        character = self._take()
        if character == "(":
            return self._group()
        if character in "*+?{":
            raise PatternProblem(
                f"'{character}' repeats nothing; for the character write \\{character}"
            )
        if character in "^$":
            return [Anchor(character)]
        return [self._characters(character)]

    def _group(self) -> Program:
        if self._skip("?") and not self._skip(":"):
            raise PatternProblem("look-around and named groups are not supported")
        program = self.alternatives()
        if not self._skip(")"):
            raise PatternProblem("a '(' is never closed")
        return program

    def _characters(self, character: str) -> Characters:
        if character == ".":
            return _ANY
        if character == "[":
            return self._bracket()
        if character == "\\":
            return self._escape()
        return _one(character)

    def _escape(self) -> Characters:
        character = self._take()
        if character.lower() in _CLASSES:
            return Characters(_CLASSES[character.lower()], negated=character.isupper())
        return _one(_literal(character))

    def _bracket(self) -> Characters:
        negated = self._skip("^")
        ranges: list[tuple[str, str]] = []
        while not ranges or self.peek() != "]":
            ranges.extend(self._bracket_item())
        self._take()
        return Characters(tuple(ranges), negated)

    def _bracket_item(self) -> tuple[tuple[str, str], ...]:
        low = self._take()
        if low == "\\":
            if self.peek() in _CLASSES:
                return _CLASSES[self._take()]
            low = _literal(self._take())
        if not self._text.startswith("-", self._at) or self._text.startswith("-]", self._at):
            return ((low, low),)
        self._take()
        high = self._take()
        high = _literal(self._take()) if high == "\\" else high
        if high < low:
            raise PatternProblem(f"the range {low}-{high} is empty")
        return ((low, high),)

    def _repeated(self, program: Program) -> Program:
        if not self.peek() or self.peek() not in "*+?{":
            return program
        if len(program) == 1 and isinstance(program[0], Anchor):
            raise PatternProblem(f"'{program[0].value}' cannot be repeated")
        low, high = self._bounds(self._take())
        self._skip("?")
        if self.peek() and self.peek() in "*+{":
            raise PatternProblem("a repetition directly follows another one")
        return _repeat(program, low, high)

    def _bounds(self, sign: str) -> tuple[int, int | None]:
        if sign != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        text = ""
        while (character := self._take()) != "}":
            text += character
        low, comma, high = text.partition(",")
        return _count(low), (_count(high) if high else None) if comma else _count(low)

    def _skip(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _take(self) -> str:
        if not self.peek():
            raise PatternProblem("the pattern ends too early")
        self._at += 1
        return self._text[self._at - 1]


def _repeat(program: Program, low: int, high: int | None) -> Program:
    times = low + 1 if high is None else high
    if high is not None and high < low:
        raise PatternProblem(f"{{{low},{high}}} repeats less than nothing")
    if (len(program) + 2) * times > MAX_STEPS:
        raise PatternProblem("the pattern repeats too much")
    if high is None:
        return program * low + [
            Jump((1, len(program) + 2)),
            *program,
            Jump((-len(program) - 1,)),
        ]
    return program * low + [Jump((1, len(program) + 1)), *program] * (high - low)


def _bounded(program: Program) -> Program:
    if len(program) > MAX_STEPS:
        raise PatternProblem("the pattern is too big")
    return program


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= MAX_REPEAT):
        raise PatternProblem(f"write a repetition as {{m}}, {{m,}} or {{m,n}}, up to {MAX_REPEAT}")
    return int(text)


def _literal(escaped: str) -> str:
    if escaped in _CONTROLS:
        return _CONTROLS[escaped]
    if escaped.isalnum():
        raise PatternProblem(f"\\{escaped} is not supported")
    return escaped


def _one(character: str) -> Characters:
    return Characters(((character, character),))
