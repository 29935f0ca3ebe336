"""How do recorded calls become examples that are the same each time they are recorded?"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contract.recording import Recorded

THEN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
# So long that no code is one, such as pod_failing.
_TOKEN = re.compile(r"\b(pat|agt|enr|att|pod)_[\w-]{40,}")
# What no two runs or machines have in common, by the name of its field.
_FIXED = {
    "key_id": "aaaabbbbccccdddd",
    "request_id": "tour",
    "python": "3.11.9",
    "version": "0.1.0",
    "next": "WyIiLDVd",
    "template_hash": "7e" * 32,
}
# Tests before this one leave events and seals: numbers and hashes go on from there.
_SEAL = {
    "number": 7, "first_id": 101, "last_id": 160, "month": "2026-01", "events": 60,
    "hash": "5e" * 32, "previous": "a1" * 32, "sealed_at": "2026-01-31T12:00:00Z",
}  # fmt: skip
# How far one call came depends on what there was to read.
_WHOLE = {"next": None}
_COUNTS = {"seals": 7, "events": 390, "dropped": 0}
_USED = re.compile(r"\(token \w+\)")
_SERVERS = re.compile(r"\b(PostgreSQL|Redis) [\d.]+")
_SECRET = "<secret>"


class _Names:
    """Gives what is named by chance a name by its order of appearance."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._known: dict[str, dict[object, int]] = {}

    def stable(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            seal = _SEAL if "sealed_at" in value else {}
            whole = _WHOLE if "broken" in value else {}
            numbered = {"id": self._row(value)} if isinstance(value.get("id"), int) else {}
            stable = {key: self.stable(each, key) for key, each in value.items()}
            return stable | numbered | seal | whole
        if isinstance(value, list):
            return [self.stable(each, name) for each in value]
        if isinstance(value, str):
            return _FIXED[name] if name in _FIXED else self._text(value)
        if name in {"event_id", "event"} and isinstance(value, int):
            return self._number(value, of="event")
        if name in _COUNTS and isinstance(value, int):
            return _COUNTS[name]
        return value

    def _row(self, row: dict[str, Any]) -> int:
        """Return a row's number among its kind: two tables may give out the same one by chance."""
        return self._number(row["id"], of="event" if "object_type" in row else ",".join(row))

    def _text(self, text: str) -> str:
        text = _UUID.sub(lambda found: self._uuid(found[0]), text)
        text = _TIME.sub(lambda found: self._time(found[0]), text)
        text = _USED.sub(f"(token {_FIXED['key_id']})", text)
        text = _SERVERS.sub(r"\1 16.4", text)
        return _TOKEN.sub(lambda found: f"{found[1]}_{_SECRET}", text)

    def _uuid(self, text: str) -> str:
        return f"0199a000-0000-7000-8000-{self._number(text, of='uuid'):012x}"

    def _number(self, what: object, *, of: str) -> int:
        known = self._known.setdefault(of, {})
        return known.setdefault(what, len(known) + 1)

    def _time(self, text: str) -> str:
        """Return a moment as far from ``THEN`` as it was from the beginning, to five minutes."""
        distance = datetime.fromisoformat(text) - self._began
        steps = round(distance / timedelta(minutes=5))
        return f"{THEN + steps * timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"


def examples(recorded: Iterable[Recorded], *, began: datetime) -> dict[str, Any]:
    """Return the first request and, by status, the first answer of each call."""
    names = _Names(began)
    found: dict[str, Any] = {}
    for each in recorded:
        request, answer = names.stable(each.request), names.stable(each.answer)
        kept = found.setdefault(each.call, {"request": request, "answers": {}})
        kept["answers"].setdefault(str(each.status), answer)
    return dict(sorted(found.items()))
