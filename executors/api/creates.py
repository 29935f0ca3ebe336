"""How is a request that makes tasks answered: once per key, with where the new task is?"""

from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.request import Request

from executors import conf
from executors.services.submission import Submission
from k8s4r import clock, failpoints
from k8s4r.api import idempotency
from k8s4r.api.idempotency import Answer
from k8s4r.api.requests import principal_of

ROUTE = "/api/v1/tasks"


def submitted_by(request: Request, **further: Any) -> Submission:
    """Return who submits by this request, and when."""
    return Submission(
        principal=principal_of(request),
        now=clock.now(),
        aging_weight_s=conf.aging_weight_s(),
        **further,
    )


def answered(request: Request, terms: Submission, create: Callable[[], Answer]) -> HttpResponse:
    """Run a create, or repeat the answer that its ``Idempotency-Key`` had."""
    repeatable = idempotency.create_from(
        request.headers.get(idempotency.HEADER, ""),
        principal=str(terms.principal.id),
        route=f"{request.method} {request.path}",
        body=request.data,
    )
    answer = idempotency.once(repeatable, create, now=terms.now)
    failpoints.reach("create.after_commit")
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    if answer.replayed:
        response.headers[idempotency.REPLAYED] = "true"
    if not terms.listed:
        response.headers["Location"] = f"{ROUTE}/{orjson.loads(answer.body)['id']}"
    return response
