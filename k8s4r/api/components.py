"""Which parts do all operations of the OpenAPI document share?"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from k8s4r.api.idempotency import HEADER, LONGEST_KEY
from k8s4r.api.problems import PROBLEM_JSON
from k8s4r.api.views import FIELDS
from k8s4r.core.errors import DomainError

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
# Headers of every answer.
ALWAYS: Final = {
    "X-Request-Id": {"$ref": "#/components/headers/RequestId"},
    "X-Api-Version": {"$ref": "#/components/headers/ApiVersion"},
}


def _kinds(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for sub in kind.__subclasses__():
        if "code" in vars(sub):
            yield sub
        yield from _kinds(sub)


CODES: Final[dict[str, type[DomainError]]] = {}


def problem_name(status: int) -> str:
    """Return the name of the shared answer with a status."""
    return f"Problem{status}"


def fixed() -> dict[str, Any]:
    """Return everything but the schemas of messages."""
    CODES.update({kind.code: kind for kind in _kinds(DomainError)})
    return {
        "securitySchemes": _proofs(),
        "headers": _headers(),
        "parameters": {
            "IdempotencyKey": _key(),
            "Fields": _fields(),
            "IfNoneMatch": _known(),
        },
        "responses": {
            problem_name(status): _response(status)
            for status in sorted({kind.status for kind in CODES.values()})
        },
    }


def _proofs() -> dict[str, Any]:
    def bearer(text: str, form: str) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": form, "description": text}

    return {
        "personToken": bearer("A person's API token.", "pat_..."),
        "agentToken": bearer("The token of the agent in the path.", "agt_..."),
        "enrolmentToken": bearer("With it agents register.", "enr_..."),
        "podToken": bearer(
            "A service-account token that Kubernetes projected into the pod, for our audience.",
            "JWT",
        ),
        "taskToken": bearer("What a task finds as K8S4R_TASK_TOKEN, while it runs.", "tsk_..."),
        "attemptToken": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Attempt-Token",
            "description": "The token of the attempt's order.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A browser's session; writing needs X-CSRFToken as well.",
        },
    }


def _headers() -> dict[str, Any]:
    def header(text: str, *, required: bool = False, kind: str = "string") -> dict[str, Any]:
        return {"description": text, "required": required, "schema": {"type": kind}}

    return {
        "RequestId": header("The caller's own id when harmless, else a new one.", required=True),
        "ApiVersion": header("The version of this interface.", required=True),
        "ETag": header("Which version this is; absent from a stream."),
        "Location": header("Where the thing is; not for a list."),
        "Replayed": header("`true`: this request was answered before, this is that answer."),
        "RetryAfter": header("Seconds after which to try again.", required=True, kind="integer"),
        "RetryAfterRunning": header(
            "Of `still_running`: seconds after which to ask again.", kind="integer"
        ),
        "RateLimit": header("Calls left and seconds until there are more; absent: not counted."),
        "RateLimitPolicy": header("How many calls in how many seconds one token may make."),
        "WwwAuthenticate": header("Which proof is needed.", required=True),
    }


def _key() -> dict[str, Any]:
    return _parameter(
        HEADER,
        "header",
        "Same key and content: the same answer, nothing new. Empty: none.",
        {"type": "string", "pattern": f"^[ -~]{{0,{LONGEST_KEY}}}$"},
    )


def _fields() -> dict[str, Any]:
    return _parameter(
        FIELDS,
        "query",
        "Names with commas between: only these fields come, of each item of a list.",
        {"type": "string", "minLength": 1},
    )


def _known() -> dict[str, Any]:
    return _parameter(
        "If-None-Match",
        "header",
        "The ETag of an earlier answer: 304 without content while it is the same.",
        {"type": "string"},
    )


def _parameter(name: str, place: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": text, "schema": schema}


def _response(status: int) -> dict[str, Any]:
    codes = sorted(kind.code for kind in CODES.values() if kind.status == status)
    headers = dict(ALWAYS)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WwwAuthenticate"}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if status == HTTPStatus.CONFLICT:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfterRunning"}
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": headers,
        "content": {PROBLEM_JSON: {"schema": _PROBLEM}},
    }
