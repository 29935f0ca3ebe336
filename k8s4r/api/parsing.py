"""Is this body JSON that everybody reads the same way? Strictly RFC 8259 in UTF-8, within limits.

What other parsers let pass is refused: doubled keys, NaN, numbers no column holds, NUL (which
jsonb cannot store), halves of surrogate pairs, deep nesting.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from k8s4r.core.errors import FieldProblem, Malformed, TooLarge

INTEGER_BITS: Final = 63
NUMBER_CHARACTERS: Final = 64
_INTEGER_CHARACTERS: Final = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a body may be; ``nodes`` counts every value in it."""

    bytes: int = 1024 * 1024
    nodes: int = 10_000
    depth: int = 32


ORDINARY: Final = Limits()


def strict_loads(body: bytes, *, limits: Limits = ORDINARY) -> Any:
    """Return the object or list that a body is.

    Raises:
        TooLarge: more bytes or values than allowed.
        Malformed: not such JSON; says which rule it breaks.
    """
    if len(body) > limits.bytes:
        raise TooLarge(f"the body may have {limits.bytes} bytes at most")
    text = _decoded(body)
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise _refused("depth", f"at most {limits.depth} levels") from error
    except ValueError as error:
        raise _refused("json", str(error)) from error
    if not isinstance(value, dict | list):
        raise _refused("type", "an object or a list is expected")
    _check_shape(value, limits)
    if "\\u" in text:
        _check_texts(value)
    return value


class StrictJSONParser(BaseParser):
    """Reads request bodies for DRF; a view may set ``json_limits``."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body as `strict_loads` reads it."""
        _check_charset(media_type or "")
        view = (parser_context or {}).get("view")
        limits: Limits = getattr(view, "json_limits", ORDINARY)
        # One byte more than allowed tells that there is too much, whatever was declared.
        return strict_loads(stream.read(limits.bytes + 1), limits=limits)


def _decoded(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused("utf8", f"byte {error.start} is not UTF-8") from error
    if text.startswith("\ufeff"):
        raise _refused("utf8", "a byte order mark has no place here")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _refused("duplicate_key", f"{twice[:100]!r} is there twice")
    return made


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_CHARACTERS or (number := int(digits)).bit_length() > INTEGER_BITS:
        raise _refused("number", "a whole number may have 63 bits at most")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if len(digits) > NUMBER_CHARACTERS or number in {float("inf"), float("-inf")}:
        raise _refused("number", "this number is too large or too long")
    return number


def _constant(name: str) -> None:
    raise _refused("number", f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _check_shape(value: Any, limits: Limits) -> None:
    """Count values and levels, level by level."""
    nodes = 1
    level: list[Any] = [value]
    for _ in range(limits.depth):
        children: list[Any] = []
        for container in level:
            items = container.values() if isinstance(container, dict) else container
            nodes += len(items)
            children += [item for item in items if isinstance(item, dict | list)]
        if nodes > limits.nodes:
            raise TooLarge(f"the body may have {limits.nodes} values at most")
        if not children:
            return
        level = children
    raise _refused("depth", f"at most {limits.depth} levels")


def _check_texts(value: Any) -> None:
    """Look into every text, because an escape may hide what UTF-8 would not let pass."""
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            waiting += _flat(item.items())
        elif isinstance(item, list):
            waiting += item


def _flat(pairs: Iterable[tuple[Any, Any]]) -> Iterable[Any]:
    return (item for pair in pairs for item in pair)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise _refused("nul", "the character NUL has no place here")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refused("utf8", "half of a surrogate pair") from error


def _check_charset(media_type: str) -> None:
    for parameter in media_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(media_type, detail="the charset must be UTF-8")


def _refused(rule: str, detail: str) -> Malformed:
    return Malformed(f"the body: {detail}", errors=[FieldProblem("", rule, detail)])
