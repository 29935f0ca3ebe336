"""How is a POST of a view answered once per Idempotency-Key?"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock, failpoints
from k8s4r.api import idempotency
from k8s4r.api.idempotency import Answer
from k8s4r.api.operations import JSON, Operation, Repeats
from k8s4r.api.rendering import dumps
from k8s4r.api.requests import principal_of

Handler = Callable[..., HttpResponseBase]
_WAYS: Final = {Repeats.TOGETHER: idempotency.once, Repeats.IN_PARTS: idempotency.in_parts}


def once_per_key(handler: Handler, said: Operation) -> Handler:
    """Return the handler of a view's POST as it answers the same key the same; also without one."""
    assert said.repeats is not None, "only what says how it repeats is wrapped"
    way = _WAYS[said.repeats]

    @wraps(handler)
    def answered(view: object, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        asked = idempotency.asked(
            request.headers.get(idempotency.HEADER, ""),
            principal=str(principal_of(request).token_id),
            route=f"{request.method} {request.path}",
            body=request.data,
        )
        if asked is None:
            response = handler(view, request, *args, **kwargs)
            failpoints.reach("create.after_commit")
            return response

        def work() -> Answer:
            return _answer(handler(view, request, *args, **kwargs), said)

        answer = way(asked, work, now=clock.now())
        failpoints.reach("create.after_commit")
        return HttpResponse(
            answer.body, status=answer.status, content_type=JSON, headers=answer.headers
        )

    return answered


def _answer(response: HttpResponseBase, said: Operation) -> Answer:
    """Return what a handler answers, as it is kept."""
    location = response.headers.get("Location", "")
    if not isinstance(response, Response):
        assert isinstance(response, HttpResponse), "an answer that streams cannot be kept"
        return Answer(response.status_code, response.content, location)
    withheld = said.shown_once if said.shown_once in response.data else None
    return Answer(response.status_code, dumps(response.data), location, withheld or "")
