"""How is an answer written? As JSON in UTF-8, times in UTC with ``Z``."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rest_framework.renderers import BaseRenderer

OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def dumps(content: Any) -> bytes:
    """Return content as JSON; datetimes, UUIDs, enums and dataclasses are understood."""
    return orjson.dumps(content, option=OPTIONS)


class JSONRenderer(BaseRenderer):
    """Writes answers for DRF."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the answer's body; an answer without content has none."""
        return b"" if data is None else dumps(data)


class JSONLinesRenderer(JSONRenderer):
    """Stands for what a view streams itself, one JSON value a line; writes its refusals as JSON."""

    media_type = "application/x-ndjson"
    format = "jsonl"
