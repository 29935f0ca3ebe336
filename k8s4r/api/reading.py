"""How does the OpenAPI document read to a person? Facts for the page of the API."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

_REF = "#/components/schemas/"
_BOUNDS = {
    "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "minLength": "≥ {} long",
    "maxLength": "≤ {} long", "minItems": "≥ {} items", "maxItems": "≤ {} items",
    "default": "default {}",
}  # fmt: skip


class Field(NamedTuple):
    """A field or parameter: its kind in words, ``links`` are the schemas it refers to."""

    name: str
    where: str
    required: bool
    kind: str
    links: Sequence[str]


class Call(NamedTuple):
    """An operation as a person reads it."""

    method: str
    path: str
    said: Mapping[str, Any]
    parameters: Sequence[Field]
    body: Mapping[str, Any] | None
    answers: Sequence[Mapping[str, Any]]
    refusals: Sequence[tuple[str, str]]


def page(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows: calls by tag, and the schemas."""
    calls = [
        _call(method.upper(), path, said, document["components"]["parameters"])
        for path, operations in document["paths"].items()
        for method, said in operations.items()
    ]
    tags = [each["name"] for each in document["tags"]]
    schemas = document["components"]["schemas"]
    return {
        "info": document["info"],
        "groups": [(tag, [call for call in calls if tag in call.said["tags"]]) for tag in tags],
        "schemas": [
            (name, schema.get("description", ""), _fields(schema), _kind(schema))
            for name, schema in schemas.items()
        ],
    }


def _call(method: str, path: str, said: Mapping[str, Any], parameters: Mapping[str, Any]) -> Call:
    answers = said["responses"].items()
    return Call(
        method,
        path,
        said,
        [_parameter(each, parameters) for each in said["parameters"]],
        _content(said.get("requestBody", {})),
        [
            {"status": status, **(_content(answer) or {"links": []})}
            for status, answer in answers
            if "$ref" not in answer
        ],
        [(status, answer["description"]) for status, answer in answers if "$ref" in answer],
    )


def _parameter(said: Mapping[str, Any], parameters: Mapping[str, Any]) -> Field:
    if "$ref" in said:
        said = parameters[said["$ref"].rpartition("/")[2]]
    schema = said["schema"]
    return Field(said["name"], said["in"], said["required"], _kind(schema), _links(schema))


def _content(said: Mapping[str, Any]) -> dict[str, Any] | None:
    if not said.get("content"):
        return None
    content = said["content"]
    example = content.get("application/json", {}).get("example")
    shown = None if example is None else orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
    return {
        "media": list(content),
        "links": _links([each.get("schema", {}) for each in content.values()]),
        "example": shown,
    }


def _fields(schema: Mapping[str, Any]) -> list[Field]:
    if "oneOf" in schema:
        return [_event(each["properties"]) for each in schema["oneOf"]]
    required = schema.get("required", ())
    return [
        Field(name, "", name in required, _kind(each), _links(each))
        for name, each in schema.get("properties", {}).items()
    ]


def _event(said: Mapping[str, Any]) -> Field:
    """Return a kind of server-sent event, and what its data is."""
    kind = "data, and an id to go on after" if "id" in said else "data"
    return Field(said["event"]["const"], "", required=False, kind=kind, links=_links(said["data"]))


def _links(schema: Any) -> list[str]:
    """Return the names of the schemas that a schema refers to, at any depth."""
    if isinstance(schema, Mapping):
        own = [schema["$ref"].removeprefix(_REF)] if "$ref" in schema else []
        return list(dict.fromkeys([*own, *(n for v in schema.values() for n in _links(v))]))
    if isinstance(schema, list):
        return list(dict.fromkeys(name for each in schema for name in _links(each)))
    return []


def _kind(schema: Mapping[str, Any]) -> str:
    """Return a schema in words, without the schemas it refers to."""
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(filter(None, dict.fromkeys(map(_kind, schema["anyOf"]))))
    word = str(schema.get("format") or schema.get("type") or "")
    if word == "array":
        word = f"list of {_kind(schema.get('items', {})) or ''}".strip()
    bounds = [
        form.format(orjson.dumps(schema[name]).decode())
        for name, form in _BOUNDS.items()
        if name in schema
    ]
    return ", ".join(filter(None, [word, *bounds]))
