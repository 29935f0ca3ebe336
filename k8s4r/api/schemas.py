"""How do our types read as JSON Schema 2020-12, each under one name?"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from django.db.models import Choices

PLACE: Final = "#/components/schemas/{name}"
# msgspec's name for Page[Task] is Page_Task_; people say TaskPage.
_GENERIC: Final = re.compile(r"\b(\w+?)_([A-Za-z]+)_(?![A-Za-z0-9_])")


class Schemas:
    """The schemas of a set of types, made together so that they share what they have in common."""

    def __init__(self, types: Iterable[Any]) -> None:
        asked = list(dict.fromkeys(types))
        made, components = msgspec.json.schema_components(
            asked, ref_template=PLACE, schema_hook=_choices
        )
        self.components: Mapping[str, Any] = _named(dict(sorted(components.items())))
        self._by_type = dict(zip(asked, map(_named, made), strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of one of the types."""
        return dict(self._by_type[kind])

    def fields(self, kind: type[msgspec.Struct]) -> Iterable[tuple[str, dict[str, Any], bool]]:
        """Yield name, schema and whether it is required of each field of one of the structs."""
        whole = self.components[kind.__name__]
        for name, schema in whole["properties"].items():
            yield name, _without_null(schema), name in whole.get("required", ())


def _choices(kind: type) -> dict[str, Any]:
    """Return the schema of Django's enums, which msgspec does not take for ones."""
    if not issubclass(kind, Choices):
        raise NotImplementedError
    return {"type": "string", "enum": sorted(kind.values)}


def _named(schema: Any) -> Any:
    text = msgspec.json.encode(schema, order="deterministic").decode()
    return msgspec.json.decode(_GENERIC.sub(r"\2\1", text))


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out rather than null."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    plain = {name: value for name, value in schema.items() if name != "anyOf"}
    if len(kinds) == 1:
        plain |= kinds[0]
    if plain.get("default", ...) is None:
        del plain["default"]
    return plain
