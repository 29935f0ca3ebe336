"""What is each call of the API for, and which permission does it need? Said beside its view."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from k8s4r.core.roles import Permission

_F = TypeVar("_F", bound=Callable[..., Any])
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_ATTRIBUTE: Final = "operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    ``needs`` None: any person may call it, for what is their own.
    """

    needs: Permission | None


def operation(*, needs: Permission | None) -> Callable[[_F], _F]:
    """Say of a view's method what it is; one that says nothing serves nobody."""

    def mark(method: _F) -> _F:
        setattr(method, _ATTRIBUTE, Operation(needs=needs))
        return method

    return mark


def methods(view: object) -> list[str]:
    """Return the methods that a view declares, in alphabetical order."""
    return [word for word in _METHODS if operation_of(view, word) is not None]


def operation_of(view: object, method: str) -> Operation | None:
    """Return what a view says of a method (``GET``), ``None`` when it has no such method."""
    handler = getattr(view, method.lower(), None)
    found = getattr(handler, _ATTRIBUTE, None)
    return found if isinstance(found, Operation) else None
