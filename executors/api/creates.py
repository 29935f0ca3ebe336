"""How does a view that makes tasks take its request, and give the answer?"""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from executors import conf, creation
from executors.creation import Create
from executors.services.submission import Submission
from k8s4r import clock, failpoints
from k8s4r.api import idempotency
from k8s4r.api.idempotency import Answer
from k8s4r.api.requests import principal_of


def submitted_by(request: Request, **further: Any) -> Submission:
    """Return who submits by this request, and when."""
    return Submission(
        principal=principal_of(request),
        now=clock.now(),
        aging_weight_s=conf.aging_weight_s(),
        **further,
    )


def create_from(request: Request) -> Create:
    """Return the create that a request is."""
    return Create(
        body=request.data,
        key=request.headers.get(idempotency.HEADER, ""),
        route=f"{request.method} {request.path}",
    )


def response(answer: Answer, *, listed: bool = False) -> HttpResponse:
    """Return the answer of a create that is committed."""
    failpoints.reach("create.after_commit")
    return HttpResponse(
        answer.body,
        status=answer.status,
        content_type="application/json",
        headers=creation.headers(answer, listed=listed),
    )
