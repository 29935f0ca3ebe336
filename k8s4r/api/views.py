"""What do all views of the API share? Which fields are wanted, and which version was answered."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from k8s4r.api import paging, repeating
from k8s4r.api.operations import declared, field_names, operation_of
from k8s4r.core.errors import FieldProblem

FIELDS: Final = "fields"
_READING: Final = frozenset({"GET", "HEAD"})


class View(APIView):
    """A view of the API.

    ``?fields=a,b`` leaves the named members of an object, or of each item of a list. Every answer
    to a GET gets an ``ETag`` (`ConditionalGetMiddleware`); who asks again with ``If-None-Match``
    is told 304. A POST that says how it repeats is answered once per ``Idempotency-Key``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        post: Any = vars(cls).get("post")
        said = declared(post)
        if said is not None and said.repeats is not None:
            cls.post = repeating.once_per_key(post, said)  # type: ignore[attr-defined]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what an object is not asked, and fields that no answer has.

        Lists and streams check their other parameters themselves.

        Raises:
            Invalid: names each; a misspelt ``fields`` must not return everything, and is told by
                an empty list as well.
        """
        super().initial(request, *args, **kwargs)
        said = operation_of(self, str(request.method))
        if request.method not in _READING or said is None:
            return
        unknown = set(request.query_params) - {FIELDS} if said.query is None else ()
        if unknown:
            raise paging.refused(
                [
                    FieldProblem(f"?{name}", "unknown_field", "only fields")
                    for name in sorted(unknown)
                ]
            )
        _check(_wanted(request), field_names(said))

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Leave the fields that were asked for."""
        wanted = _wanted(request)
        # What a view refused is an answer of Django's, which has no data.
        if wanted is not None and isinstance(response, Response) and response.status_code == 200:
            response.data = _only(response.data, wanted)
        return super().finalize_response(request, response, *args, **kwargs)


def _wanted(request: Request) -> tuple[str, ...] | None:
    text = request.query_params.get(FIELDS) if request.method in _READING else None
    return None if text is None else tuple(dict.fromkeys(text.split(",")))


def _check(wanted: Sequence[str] | None, names: Sequence[str]) -> None:
    unknown = [name for name in wanted or () if name not in names]
    if unknown:
        detail = f"no field {unknown[0][:64]!r}; there are {', '.join(names)}"
        raise paging.refused([FieldProblem(f"?{FIELDS}", "enum", detail)])


def _only(data: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    if "items" in data:
        return {**data, "items": [_picked(item, wanted) for item in data["items"]]}
    return _picked(data, wanted)


def _picked(item: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    """A field that an answer may be without is left out when it is."""
    return {name: item[name] for name in wanted if name in item}
