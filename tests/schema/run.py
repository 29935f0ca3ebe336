"""One run of schemathesis as one caller: what is asked, and what is wrong with answers?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema

from tests.architecture import openapi
from tests.schema.world import World, hidden

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "negative_data_rejection",
    "ignored_auth", "use_after_free", "unsupported_method", "shows_nothing_foreign",
)  # fmt: skip
# They judge what we never promised: that random data is accepted, and how a 406 or 428 looks.
NOT_ASKED = (
    "positive_data_acceptance", "ensure_resource_availability", "missing_required_header",
    "allow_header_conformance", "object_level_authorization",
)  # fmt: skip
SEED = 20261126
# Of the ids in paths: so many of ten are the caller's, of the foreign project, else as generated.
OWN, FOREIGN = 6, 8
# Walks along links per example of fuzzing: there is one machine, and many calls.
WALKS = 5
_KINDS = {
    "task_id": ("task", "ended", "lost"), "agent_id": ("agent", "spare"), "pool_id": ("pool",),
    "project_id": ("project",), "token_id": ("token", "enrolment"),
    "target_id": ("target",), "notification_id": ("notification",), "object_id": ("pool", "task"),
    "config_id": ("config",), "pod_id": ("pod",),
}  # fmt: skip
_PHASES = ("examples", "coverage", "fuzzing", "stateful")
# What the running check must not see: schemathesis keeps its checks for the whole process.
_HIDDEN: set[str] = set()


class ForeignSeen(Failure):
    """An answer holds something of a project that the caller has no part in."""


@schemathesis.check
def shows_nothing_foreign(_ctx: Any, response: Any, case: Any) -> None:
    """Is there nothing in the answer that belongs to others?"""
    sent = f"{response.request.url} {response.request.body!r} {response.request.headers}"
    told = response.content.decode("utf-8", "replace") + str(response.headers)
    seen = sorted(text for text in _HIDDEN if text in told and text not in sent)
    if seen:
        raise ForeignSeen(operation=case.operation.label, title="foreign", message=str(seen))


@dataclass
class Outcome:
    """How many requests were made, with which answers, and what was wrong, each once."""

    cases: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Which phases run, on which operations (none: all), and how much of each."""

    phases: tuple[str, ...]
    labels: frozenset[str] = frozenset()
    examples: int = 1
    steps: int = 5


def run(url: str, world: World, plan: Plan) -> Outcome:
    """Make the requests of a plan and check each answer."""
    _HIDDEN.clear()
    _HIDDEN.update(hidden(world))
    schema = schemathesis.openapi.from_dict(
        orjson.loads(openapi.FILE.read_bytes()), config=_config(url, world, plan)
    )
    if plan.labels:
        schema = schema.include(lambda each: each.operation.label in plan.labels)
    _steer(schema, world, Random(SEED))
    outcome = Outcome()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(event.recorder, outcome)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            outcome.failures[f"error {len(outcome.failures)}"] = str(
                getattr(event, "info", None) or event.exception  # type: ignore[union-attr]
            )
    return outcome


def _config(url: str, world: World, plan: Plan) -> Any:
    generation = {"max-examples": plan.examples, "deterministic": True, "no-shrink": True,
                  "database": "none"}  # fmt: skip
    made: dict[str, Any] = {
        "seed": SEED,
        "base-url": url,
        "workers": 1,
        "continue-on-failure": True,
        "request-timeout": 20,
        "generation": generation,
        "checks": {name: {"enabled": False} for name in NOT_ASKED},
        "phases": {name: {"enabled": name in plan.phases} for name in _PHASES},
    }
    walks = {**generation, "max-examples": plan.examples * WALKS}
    made["phases"]["stateful"] |= {"max-steps": plan.steps, "generation": walks}
    if world.token:
        made["headers"] = {"Authorization": f"Bearer {world.token}"}
    return schemathesis.Config.from_dict(made)


def _steer(schema: Any, world: World, random: Random) -> None:
    """Aim at things that exist, and keep off what would end the run: waiting, and its own token."""

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        return {
            name: _aimed(name, value, world, random)
            for name, value in (path_parameters or {}).items()
        }

    @schema.hook
    def filter_case(context: Any, case: Any) -> bool:
        parts = {str(value) for value in (case.path_parameters or {}).values()}
        return not parts & (world.own_tokens | {"caller"}) and not _waits(case, parts, world)

    @schema.hook
    def map_case(context: Any, case: Any) -> Any:
        if isinstance(case.query, dict):
            case.query.pop("follow", None)
            case.query.pop("watch", None)
        return case

    @schema.hook
    def map_body(context: Any, body: Any) -> Any:
        waits = isinstance(body, dict) and isinstance(body.get("wait_s", 25.0), int | float)
        if waits and context.operation.path.endswith("/claims") and body.get("wait_s", 1) <= 25:
            return {**body, "wait_s": min(0, body.get("wait_s", 0))}
        return body


def _waits(case: Any, parts: set[str], world: World) -> bool:
    """Would this wait for a worker or a cluster? There is none; who is refused does not wait."""
    foreign = {str(world.foreign.ids[kind]) for kind in ("target", "config")}
    return bool(case.operation.path.endswith("/test")) and not foreign & parts


def _aimed(name: str, value: Any, world: World, random: Random) -> Any:
    if name == "attempt_id" and random.randrange(10) < OWN:
        return str(world.attempt.pk)
    kinds = _KINDS.get(name)
    drawn = random.randrange(10)
    if kinds is None or drawn >= FOREIGN:
        return value
    place = world.own if drawn < OWN else world.foreign
    return str(place.ids[random.choice(kinds)])


def _count(recorder: Any, outcome: Outcome) -> None:
    for node in recorder.cases.values():
        interaction = recorder.interactions.get(node.value.id)
        if interaction is None or interaction.response is None:
            continue
        status = interaction.response.status_code
        outcome.cases += 1
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
    for name, label, told in _failures(recorder):
        outcome.failures.setdefault(f"{label} {name}", told)


def _failures(recorder: Any) -> Iterator[tuple[str, str, str]]:
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            yield check.name, failure.operation, f"{failure}\n{check.failure_info.code_sample}"
