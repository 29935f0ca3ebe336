"""What does a document become when parts of it are changed, and what is different then?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from k8s4r.core.errors import pointer

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, what stood there, what stands there now; ``None``: nothing."""

    pointer: str
    before: Any
    after: Any


def merged(document: Any, patch: Any) -> Any:
    """Return the document with a merge patch applied (RFC 7396): ``null`` takes a member away."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def differences(before: Any, after: Any, *at: str) -> Iterator[Change]:
    """Yield every difference between two documents, by name; lists are compared as a whole.

    A map that was not there, or is there no more, is an empty one.
    """
    if before is _ABSENT and isinstance(after, Mapping):
        before = {}
    if after is _ABSENT and isinstance(before, Mapping):
        after = {}
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from differences(
                before.get(name, _ABSENT), after.get(name, _ABSENT), *at, str(name)
            )
    elif before != after:
        yield Change(pointer(*at), _shown(before), _shown(after))


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value
