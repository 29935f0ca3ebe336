"""Which calls are served, and what does each say of itself?"""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from django.urls import URLPattern, URLResolver

from k8s4r.api.operations import Operation, methods, operation_of
from k8s4r.api.views import View

_PART: Final = re.compile(r"<(?:\w+:)?(\w+)>")


class Served(NamedTuple):
    """One method of one path (``/api/v1/tasks/{task_id}``), what it says, and its docstring.

    ``is_shaped``: it reads by a `View`, so it takes ``fields``, and is not told again for nothing.
    """

    method: str
    path: str
    said: Operation
    doc: str
    is_shaped: bool = False


def of_django(patterns: Iterable[URLPattern | URLResolver], at: str = "/") -> Iterator[Served]:
    """Yield the calls that views declare, at every depth of the routes."""
    for pattern in patterns:
        path = at + _PART.sub(r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from of_django(pattern.url_patterns, path)
            continue
        view = getattr(pattern.callback, "cls", None)
        if view is None:
            continue
        for method in methods(view):
            said = operation_of(view, method)
            assert said is not None, "methods are those that say something"
            doc = inspect.getdoc(getattr(view, method.lower())) or ""
            yield Served(method, path, said, doc, method == "GET" and issubclass(view, View))
