"""Who makes tasks by a request to a view, and how is it answered?"""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from executors import conf
from executors.services.submission import Submission
from k8s4r import clock
from k8s4r.api.idempotency import Answer
from k8s4r.api.operations import JSON
from k8s4r.api.requests import principal_of


def submitted_by(request: Request, **further: Any) -> Submission:
    """Return who submits by this request, and when."""
    return Submission(
        principal=principal_of(request),
        now=clock.now(),
        aging_weight_s=conf.aging_weight_s(),
        **further,
    )


def response(answer: Answer) -> HttpResponse:
    """Return what a create is answered with."""
    return HttpResponse(
        answer.body, status=answer.status, content_type=JSON, headers=answer.headers
    )
