"""What may a person ask for when submitting tasks, and what is wrong with a request?"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from executors.core import constraints as constraint_rules
from executors.core import specs
from executors.core.constraints import MAX_CONSTRAINTS, Constraint, Operand
from executors.core.qualification import Requirement, identity
from executors.core.retry import MAX_ATTEMPTS, RetryOn
from k8s4r.core import conversion
from k8s4r.core import labels as label_rules
from k8s4r.core.backoff import Growth
from k8s4r.core.errors import FieldProblem, Invalid, pointer

MOST_TASKS: Final = 1000
# A person corrects a few things at a time, and the answer stays small.
MOST_PROBLEMS: Final = 20
YEAR_S: Final = 365 * 86_400
# A plan that nobody looked at for a day is about a world that is gone.
RESERVATION_S: Final = 86_400

_RESOURCE_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=YEAR_S)]
Reservation: TypeAlias = Annotated[int, Meta(ge=60, le=30 * 86_400)]
Delay: TypeAlias = Annotated[float, Meta(ge=0, le=86_400)]
Named: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253)]
Amount: TypeAlias = Annotated[float, Meta(gt=0, le=1e15)]


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what people send: a field that nobody knows is a mistake, not a hope."""


class RetryAsked(_Body, frozen=True):
    """When to try again; see `executors.core.retry.RetryPolicy`."""

    attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)] = 3
    delay: Growth = Growth.EXPONENTIAL
    base_s: Delay = 5.0
    cap_s: Delay = 300.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.2
    on: tuple[RetryOn, ...] = (RetryOn.LOST,)


class ConstraintAsked(_Body, frozen=True):
    """One condition on the facts of an agent."""

    ltarget: str
    operand: Operand
    rtarget: str


class TaskRequest(_Body, frozen=True):
    """One task as a person asks for it. Durations are seconds.

    ``project`` and ``pool`` are names or ids. ``required_labels`` are those an agent must carry,
    ``labels`` the task's own, by which people find it and treat many alike. How long a plan and its
    slot are kept for a decision is ``reservation_timeout_s``.
    """

    name: Annotated[str, Meta(max_length=253)] = ""
    kind: Literal["exec", "plan", "plan_and_apply"] = "exec"
    driver: Literal["exec", "noop"] = "exec"
    spec: Annotated[dict[str, Any], Meta(extra_json_schema=specs.SCHEMA)] = {}
    project: Named = "default"
    pool: Named = "default"
    labels: dict[str, str] | list[str] = {}
    required_labels: dict[str, str] | list[str] = {}
    constraints: Annotated[list[ConstraintAsked], Meta(max_length=MAX_CONSTRAINTS)] = []
    resources: Annotated[dict[str, Amount], Meta(max_length=32)] = {}
    priority: Annotated[int, Meta(ge=0, le=100)] = 0
    queue_timeout_s: Seconds | None = None
    run_timeout_s: Seconds | None = None
    silence_timeout_s: Seconds | None = None
    reservation_timeout_s: Reservation = RESERVATION_S
    lost_after_s: Seconds = 120
    retry: RetryAsked | None = None
    disconnect: Literal["replace", "stop", "wait"] = "replace"


# A task has fewer of its own than it may require: they are in every list and on every watch.
_MOST_LABELS: Final = {
    "labels": label_rules.MAX_TASK_LABELS,
    "required_labels": label_rules.MAX_LABELS,
}
# What `POST tasks` takes.
Asked: TypeAlias = (
    TaskRequest | Annotated[list[TaskRequest], Meta(min_length=1, max_length=MOST_TASKS)]
)


def read(body: object, *, min_lost_after_s: int) -> list[TaskRequest]:
    """Return the tasks that a body, an object or a list of them, asks for.

    All are good, or all are refused.

    Raises:
        Malformed: a field has another type.
        Invalid: a field breaks a rule; the pointer begins with the index in a list.
    """
    if isinstance(body, list):
        return _read_list(body, min_lost_after_s)
    return [_read_one(body, min_lost_after_s)]


def stored_retry(asked: RetryAsked | None) -> dict[str, Any]:
    """Return what a task keeps: the fields of `RetryPolicy`; empty when nothing was asked."""
    if asked is None:
        return {}
    kept = msgspec.structs.asdict(asked)
    kept["max_attempts"] = kept.pop("attempts")
    return kept


def _read_list(items: Sequence[object], min_lost_after_s: int) -> list[TaskRequest]:
    if not 1 <= len(items) <= MOST_TASKS:
        problem = FieldProblem("", "items", f"a list has 1 to {MOST_TASKS} tasks")
        raise Invalid("the list: " + problem.detail, errors=[problem])
    read: list[TaskRequest] = []
    found: list[FieldProblem] = []
    for index, item in enumerate(items):
        request, problems = _attempt(item, min_lost_after_s)
        found += _under(pointer(index), problems) if problems else ()
        if request is not None:
            read.append(request)
        if len(found) >= MOST_PROBLEMS:
            break
    if found:
        raise conversion.refusal(found[:MOST_PROBLEMS])
    return read


def _read_one(item: object, min_lost_after_s: int) -> TaskRequest:
    request, problems = _attempt(item, min_lost_after_s)
    if request is None or problems:
        raise conversion.refusal(problems[:MOST_PROBLEMS])
    return request


def _attempt(item: object, min_lost_after_s: int) -> tuple[TaskRequest | None, list[FieldProblem]]:
    """Return the request or ``None``, and what is wrong with it."""
    try:
        request = msgspec.convert(item, TaskRequest)
    except msgspec.ValidationError as error:
        return None, conversion.problems(item, TaskRequest, str(error))
    problems = list(_broken_rules(request, min_lost_after_s))
    return (request if problems else _with_maps(request)), problems


def _with_maps(request: TaskRequest) -> TaskRequest:
    """Return the request with its labels as maps; their lists hold ``key=value``."""
    if isinstance(request.labels, dict) and isinstance(request.required_labels, dict):
        return request
    return msgspec.structs.replace(
        request,
        labels=label_rules.read(request.labels),
        required_labels=label_rules.read(request.required_labels),
    )


def _broken_rules(request: TaskRequest, min_lost_after_s: int) -> Iterator[FieldProblem]:
    """Yield what is wrong; pointers are made only then, a list has thousands of good fields."""
    if _CONTROL.search(request.name):
        yield FieldProblem("/name", "text", "has control characters")
    if request.lost_after_s < min_lost_after_s:
        yield FieldProblem("/lost_after_s", "bounds", f"at least {min_lost_after_s}")
    yield from _label_problems(request)
    for index, asked in enumerate(request.constraints):
        problems = constraint_rules.validate(value_of(asked))
        yield from _under(pointer("constraints", index), problems) if problems else ()
    for name in request.resources:
        if not _RESOURCE_NAME.fullmatch(name):
            yield FieldProblem(pointer("resources", name), "name", "is not a resource's name")
    yield from specs.problems(request.kind, request.driver, request.spec, at="/spec")


def _under(at: str, problems: Iterable[FieldProblem]) -> Iterator[FieldProblem]:
    """Yield problems of a part as problems of the whole; ``at`` leads to the part."""
    return (replace(problem, pointer=at + problem.pointer) for problem in problems)


def requirement(request: TaskRequest, pool_id: UUID) -> Requirement:
    """Return what a request asks of an agent of this pool."""
    assert isinstance(request.required_labels, dict), "`read` makes labels a map"
    value = Requirement(
        id="",
        kind=request.kind,
        driver=request.driver,
        labels=request.required_labels,
        constraints=tuple(value_of(asked) for asked in request.constraints),
        resources=request.resources,
    )
    return replace(value, id=identity(value, pool_id))


def value_of(asked: ConstraintAsked) -> Constraint:
    """Return a constraint as the value that the rules take."""
    return Constraint(asked.ltarget, asked.operand, asked.rtarget)


def _label_problems(request: TaskRequest) -> Iterator[FieldProblem]:
    for name, most in _MOST_LABELS.items():
        if given := getattr(request, name):
            yield from _problems_of_labels(given, f"/{name}", most=most)


def _problems_of_labels(
    given: Mapping[str, str] | Sequence[str], at: str, *, most: int
) -> Sequence[FieldProblem]:
    try:
        labels = given if isinstance(given, Mapping) else label_rules.parse(given, at=at)
    except Invalid as error:
        return error.errors
    return label_rules.problems(labels, at=at, most=most)
