"""What does ``--set spec.env.MODE=quick`` change in a task: a merge patch (RFC 7396)?"""

import json
from collections.abc import Iterable
from typing import Any, Final

from k8s4r.cli.errors import Usage

# What people change most has a short way to it.
_SHORT: Final = {"env": ("spec", "env"), "argv": ("spec", "argv"), "cwd": ("spec", "cwd")}
# Below these every value is a text, and a dot belongs to the name.
_TEXTS: Final = (("spec", "env"), ("labels",), ("required_labels",))
_PLAIN_TEXTS: Final = frozenset({"name", "pool", "project", "driver", "kind", "disconnect", "cwd"})


def patch(settings: Iterable[str], removals: Iterable[str] = ()) -> dict[str, Any]:
    """Return the patch of ``--set PATH=VALUE`` and ``--unset PATH``.

    A value is JSON where it is JSON (``5``, ``["a"]``), else text; variables and labels are text
    always.

    Raises:
        Usage: one of them has no path or no value.
    """
    changes: dict[str, Any] = {}
    for item in settings:
        path, equals, text = item.partition("=")
        if not path or not equals:
            raise Usage(f"--set {item!r} must look like PATH=VALUE, for example env.MODE=quick")
        _put(changes, _steps(path, "--set"), text)
    for path in removals:
        _put(changes, _steps(path, "--unset"), None)
    return changes


def _steps(path: str, flag: str) -> tuple[str, ...]:
    first, *rest = path.split(".")
    steps = (*_SHORT.get(first, (first,)), *rest)
    for names in _TEXTS:
        if steps[: len(names)] == names and len(steps) > len(names):
            steps = (*names, ".".join(steps[len(names) :]))
    if not all(steps):
        raise Usage(f"{flag} {path!r} is no path; write spec.env.MODE, priority or labels.gpu")
    return steps


def _put(changes: dict[str, Any], steps: tuple[str, ...], text: str | None) -> None:
    here = changes
    for step in steps[:-1]:
        here = here.setdefault(step, {})
        if not isinstance(here, dict):
            raise Usage(f"{'.'.join(steps)} is changed twice")
    here[steps[-1]] = None if text is None else _value(steps, text)


def _value(steps: tuple[str, ...], text: str) -> Any:
    if steps[:-1] in _TEXTS or steps[-1] in _PLAIN_TEXTS:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
