"""What do all views of the API share? Which fields are wanted, and which version was answered."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from k8s4r.api import paging, repeating
from k8s4r.api.operations import declared, operation_of
from k8s4r.core.errors import FieldProblem, Invalid

FIELDS: Final = "fields"


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
        """Refuse what an object is not asked; lists and streams check their own parameters.

        Raises:
            Invalid: names each; a misspelt ``fields`` must not return everything.
        """
        super().initial(request, *args, **kwargs)
        said = operation_of(self, str(request.method))
        if request.method == "GET" and said is not None and said.query is None:
            unknown = sorted(set(request.query_params) - {FIELDS})
            if unknown:
                problems = [
                    FieldProblem(f"?{name}", "unknown_field", "only fields") for name in unknown
                ]
                raise paging.refused(problems)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Leave the fields that were asked for; refuse those that are not there."""
        wanted = _wanted(request)
        # What a view refused is an answer of Django's, which has no data.
        if wanted is not None and isinstance(response, Response) and response.status_code == 200:
            try:
                response.data = _only(response.data, wanted)
            except Invalid as refusal:
                response = self.handle_exception(refusal)
        return super().finalize_response(request, response, *args, **kwargs)


def _wanted(request: Request) -> tuple[str, ...] | None:
    text = request.query_params.get(FIELDS) if request.method in {"GET", "HEAD"} else None
    return None if text is None else tuple(dict.fromkeys(text.split(",")))


def _only(data: Any, wanted: tuple[str, ...]) -> Any:
    if isinstance(data, Mapping) and "items" in data:
        return {**data, "items": [_picked(item, wanted) for item in data["items"]]}
    return _picked(data, wanted)


def _picked(item: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    unknown = [name for name in wanted if name not in item]
    if unknown:
        detail = f"no field {unknown[0][:64]!r}; there are {', '.join(item)}"
        raise paging.refused([FieldProblem(f"?{FIELDS}", "enum", detail)])
    return {name: item[name] for name in wanted}
