"""What does the API look like to a machine? The OpenAPI 3.1 document, made from what calls say."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from k8s4r.access.principals import PrincipalKind
from k8s4r.api import answers
from k8s4r.api.calls import Served
from k8s4r.api.components import ALWAYS, CODES, fixed, problem_name
from k8s4r.api.operations import JSON, Content, Media, Operation
from k8s4r.api.problems import NotAcceptable, TooSlow, UnsupportedMediaType
from k8s4r.api.schemas import PLACE, Schemas
from k8s4r.api.streams import Events
from k8s4r.core.errors import (
    DomainError,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    Malformed,
    NotFound,
    SecondFactorNeeded,
    SecretShownOnce,
    StillRunning,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)

_PATH_PART: Final = re.compile(r"\{(\w+)\}")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PROOFS: Final[Mapping[PrincipalKind, str]] = {
    PrincipalKind.AGENT: "agentToken",
    PrincipalKind.ENROLMENT: "enrolmentToken",
    PrincipalKind.POD: "podToken",
    PrincipalKind.TASK: "taskToken",
}
Examples = Mapping[str, Mapping[str, Any]]


def document(
    calls: Iterable[Served], *, examples: Examples, version: str, beside: Sequence[Any] = ()
) -> dict[str, Any]:
    """Return the document. ``examples`` are by ``METHOD path``; ``beside`` are further types."""
    calls = sorted(calls, key=lambda call: (call.path, call.method))
    schemas = Schemas(
        [answers.Problem, *beside, *(kind for call in calls for kind in _types(call))]
    )
    paths: dict[str, Any] = {}
    for call in calls:
        shown = examples.get(f"{call.method} {call.path}", {})
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, schemas, shown)
    parameters = {call.said.query for call in calls} | {call.said.headers for call in calls}
    unnamed = {kind.__name__ for kind in parameters if kind}
    components = fixed()
    components["schemas"] = {
        name: schema for name, schema in schemas.components.items() if name not in unnamed
    }
    components["schemas"] |= {
        stream.name: stream.schema({kind: schemas.of(kind) for kind in stream.kinds.values()})
        for stream in _streams(calls)
    }
    components["schemas"]["Problem"]["properties"]["code"]["enum"] = sorted(CODES)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "k8s4r",
            "version": version,
            "description": "Runs tasks on agents. What holds for every call: docs/protocol.md.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({_tag(call.path) for call in calls})],
        "paths": paths,
        "components": components,
    }


def refusals(call: Served) -> dict[int, list[type[DomainError]]]:
    """Return what a call may be refused with, by status: what it says, and what its kind has."""
    found: dict[int, list[type[DomainError]]] = {}
    for error in dict.fromkeys([*_of_kind(call), *_of_repeating(call.said), *call.said.refuses]):
        found.setdefault(error.status, []).append(error)
    return dict(sorted(found.items()))


def _of_kind(call: Served) -> Iterator[type[DomainError]]:
    said = call.said
    if said.caller is not None:
        yield from (Unauthenticated, TooMany, Unavailable)
    if said.caller is PrincipalKind.PERSON:
        yield from (Forbidden, SecondFactorNeeded, NotAcceptable)
    if _PATH_PART.search(call.path):
        yield NotFound
    if call.method in _WITH_BODY:
        yield from (TooSlow, TooLarge)
    if said.body is not None or said.headers is not None:
        yield from (Malformed, UnsupportedMediaType, Invalid)
    if said.query is not None or call.is_shaped:
        yield Invalid


def _of_repeating(said: Operation) -> Iterator[type[DomainError]]:
    if said.repeats is not None:
        yield from (IdempotencyMismatch, StillRunning)
    if said.shown_once is not None:
        yield SecretShownOnce


def _types(call: Served) -> Iterator[Any]:
    for content in (call.said.body, *call.said.answers.values()):
        for kind in media(content).values():
            yield from alternatives(kind)
    yield from (kind for kind in (call.said.query, call.said.headers) if kind is not None)


def _streams(calls: Iterable[Served]) -> Iterator[Events]:
    for call in calls:
        for content in call.said.answers.values():
            yield from (kind for kind in media(content).values() if isinstance(kind, Events))


def media(content: Content) -> Mapping[str, Any]:
    """Return the type of each media type of a content."""
    if content is None:
        return {}
    return content.types if isinstance(content, Media) else {JSON: content}


def alternatives(kind: Any) -> Sequence[Any]:
    """Return the types that a content may be of; of bytes there is nothing to say."""
    if kind is bytes:
        return ()
    if isinstance(kind, Events):
        return tuple(kind.kinds.values())
    return kind if isinstance(kind, tuple) else (kind,)


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[2] if len(parts) > 2 else "operating"


def _operation(call: Served, schemas: Schemas, shown: Mapping[str, Any]) -> dict[str, Any]:
    first, _, rest = call.doc.partition("\n")
    made: dict[str, Any] = {
        "operationId": _id(call),
        "summary": first.rstrip(".").replace("``", "`"),
        "description": _description(call.said, " ".join(rest.replace("``", "`").split())),
        "tags": [_tag(call.path)],
        "security": _security(call.said),
        "parameters": [*_parameters(call, schemas)],
    }
    if call.said.body is not None:
        content = _content(call.said.body, schemas, shown.get("request"))
        made["requestBody"] = {"required": not _may_be_empty(call.said), "content": content}
    made["responses"] = {**_successes(call, schemas, shown), **_refused(call)}
    return made


def _may_be_empty(said: Operation) -> bool:
    """A body that needs no field may be left out."""
    plain = isinstance(said.body, type) and issubclass(said.body, msgspec.Struct)
    return plain and not any(f.required for f in msgspec.structs.fields(said.body))


def _id(call: Served) -> str:
    words = [_PATH_PART.sub(r"\1", part) for part in call.path.split("/")[1:]]
    kept = [word for word in words if word not in {"api", "v1", ""}] or ["index"]
    return re.sub(r"\W+", "_", "_".join([call.method.lower(), *kept]))


def _description(said: Operation, rest: str) -> str:
    if said.caller is None:
        need = "" if said.refuses else "For everybody; holds no secrets."
    elif said.needs is None:
        need = "Needs no role." if said.caller is PrincipalKind.PERSON else ""
    else:
        need = f"Needs `{said.needs}`."
    return " ".join(part for part in (rest, need) if part)


def _security(said: Operation) -> list[dict[str, list[str]]]:
    if said.caller is None:
        return []
    if said.caller is PrincipalKind.PERSON:
        roles = [str(said.needs)] if said.needs else []
        return [{"personToken": roles}, {"session": roles}]
    proofs: dict[str, list[str]] = {_PROOFS[said.caller]: []}
    return [proofs | ({"attemptToken": []} if said.with_attempt else {})]


def _parameters(call: Served, schemas: Schemas) -> Iterator[dict[str, Any]]:
    for name in _PATH_PART.findall(call.path):
        schema = {"type": "string", "format": "uuid"} if name.endswith("_id") else _TEXT
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for place, kind in (("query", call.said.query), ("header", call.said.headers)):
        for name, schema, required in schemas.fields(kind) if kind else ():
            yield {"name": name, "in": place, "required": required, "schema": schema}
    if call.is_shaped:
        yield {"$ref": "#/components/parameters/Fields"}
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    if call.said.repeats is not None:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}


_TEXT: Final = {"type": "string", "minLength": 1}


def _content(content: Content, schemas: Schemas, example: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for media_type, kind in media(content).items():
        schema = _schema(kind, media_type, schemas)
        made[media_type] = {"schema": schema} if schema else {}
        if example is not None and media_type == JSON:
            made[media_type]["example"] = example
    return made


def _schema(kind: Any, media_type: str, schemas: Schemas) -> dict[str, Any]:
    if isinstance(kind, Events):
        # OpenAPI 3.1 has no word for the items of a stream; JSON Schema says what a text holds.
        events = {"type": "array", "items": {"$ref": PLACE.format(name=kind.name)}}
        return {"type": "string", "contentMediaType": media_type, "contentSchema": events}
    if kind is bytes:
        plain = media_type in {"text/plain", "text/html"}
        return {"type": "string"} if plain else {}
    made = [schemas.of(each) for each in alternatives(kind)]
    return made[0] if len(made) == 1 else {"anyOf": made}


def _successes(call: Served, schemas: Schemas, shown: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    headers = _headers(call)
    for status, content in call.said.answers.items():
        example = shown.get("answers", {}).get(str(status))
        made[str(status)] = {"description": _describe(status), "headers": headers}
        if content is not None:
            made[str(status)]["content"] = _content(content, schemas, example)
    if call.is_shaped:
        made["304"] = {"description": "Not changed.", "headers": headers}
    return made


def _headers(call: Served) -> dict[str, Any]:
    """Return the headers of a success: names, and under which name each is described."""
    said = call.said
    of_people = said.caller is PrincipalKind.PERSON
    names = {
        "RateLimit": ("RateLimit", of_people),
        "RateLimit-Policy": ("RateLimitPolicy", of_people),
        "ETag": ("ETag", call.is_shaped),
        "Idempotent-Replayed": ("Replayed", said.repeats is not None),
        "Location": ("Location", said.located),
    }
    own = {
        name: {"$ref": f"#/components/headers/{described}"}
        for name, (described, is_sent) in names.items()
        if is_sent
    }
    return {**ALWAYS, **own}


def _describe(status: int) -> str:
    words = {200: "Done.", 201: "Made.", 202: "Accepted.", 204: "Done; nothing to say."}
    return words.get(status, "Not now.")


def _refused(call: Served) -> dict[str, Any]:
    return {
        str(status): {
            "$ref": f"#/components/responses/{problem_name(status)}",
            "description": " ".join(f"`{each.code}`: {each.title}." for each in errors),
        }
        for status, errors in refusals(call).items()
        if status not in call.said.answers
    }
