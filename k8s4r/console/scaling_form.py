"""What does a person fill in about the pods of a pool, as the API takes it?

The form only renames: the API's own bodies say what is right, and where it is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from django.http import QueryDict

from k8s4r.api import parsing
from k8s4r.core.errors import DomainError, FieldProblem, Malformed
from pools.models import Pool

AT: Final = "/k8s/"
TEMPLATE: Final = "pod_template"
_MOST_CHARACTERS: Final = 131_072


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the form: its name in the API, what it is called, and what it means."""

    name: str
    label: str
    about: str
    least: int = 0
    value: Any = ""
    problems: Sequence[str] = ()


NUMBERS: Final = (
    Number("min_pods", "pods at least", "They are there when nothing waits, too."),
    Number("max_pods", "pods at most", "0 here and above empties the pool, without ending work."),
    Number("warm_spares", "spare pods", "Idle ones kept beside those that are in use."),
    Number("cooldown_s", "idle for", "Seconds until a pod that nobody needs goes."),
    Number("max_surge", "made at once", "More are made after these have started.", least=1),
    Number("keep_failed_s", "failed ones stay", "Seconds in which somebody may look at one."),
)


def said(written: QueryDict) -> dict[str, Any]:
    """Return the field ``k8s`` of a pool; without a config it is to have no pods.

    Raises:
        Malformed: the template is no JSON.
    """
    config = written.get("config", "").strip()
    if not config:
        return {"k8s": None}
    numbers = {one.name: _number(written.get(one.name, "").strip()) for one in NUMBERS}
    mode = written.get("mode", "")
    return {"k8s": {"config": config, "mode": mode, **numbers, TEMPLATE: _template(written)}}


def typed(written: QueryDict) -> dict[str, Any]:
    """Return what was filled in, as it was."""
    texts = {one.name: written.get(one.name, "") for one in NUMBERS}
    fields = ("config", "mode", TEMPLATE)
    return texts | {name: written.get(name, "")[:_MOST_CHARACTERS] for name in fields}


def stored(pool: Pool) -> dict[str, Any]:
    """Return what a pool says now; one without pods has the defaults."""
    template = msgspec.json.format(msgspec.json.encode(pool.pod_template), indent=2)
    return {
        "config": str(pool.k8s_config_id or ""),
        "mode": pool.pod_mode,
        TEMPLATE: template.decode() if pool.pod_template else "",
        **{one.name: getattr(pool, one.name) for one in NUMBERS},
    }


def numbers(values: Mapping[str, Any], refused: DomainError | None) -> list[Number]:
    """Return the numbers of the form, each with what is wrong with it."""
    return [
        replace(one, value=values[one.name], problems=problems(refused, one.name))
        for one in NUMBERS
    ]


def problems(refused: DomainError | None, name: str) -> list[str]:
    """Return what is wrong with a field, or within it."""
    return [text for at, text in _named(refused.errors if refused else ()) if at == name]


def others(refused: DomainError | None) -> list[str]:
    """Return what is wrong with no field of this form."""
    if refused is None:
        return []
    known = {"config", "mode", TEMPLATE, *(one.name for one in NUMBERS)}
    found = [one.detail for one in refused.errors if _field(one) not in known]
    return found if refused.errors else [refused.message]


def _named(found: Iterable[FieldProblem]) -> Iterable[tuple[str, str]]:
    for one in found:
        inside = one.pointer.removeprefix(AT).partition("/")[2]
        yield _field(one), f"{inside.replace('/', ' > ')}: {one.detail}" if inside else one.detail


def _field(one: FieldProblem) -> str:
    return one.pointer.removeprefix(AT).partition("/")[0] if one.pointer.startswith(AT) else ""


def _template(written: QueryDict) -> Any:
    text = written.get(TEMPLATE, "").strip()
    try:
        return parsing.strict_loads(text.encode()) if text else {}
    except Malformed as error:
        said = FieldProblem(f"{AT}{TEMPLATE}", "json", error.message)
        raise Malformed(error.message, errors=[said]) from error


def _number(text: str) -> int | str:
    """Return a number; what is none stays as it was typed, for the API to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
