"""How do programs create tasks? Creates that arrive together are committed together.

Django's request cycle takes three times as long as the create itself, so what comes with a token
is taken here; the rest of the path, and browsers with their session, go on to Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import transaction
from starlette.types import ASGIApp, Receive, Scope, Send

from executors import conf, creation
from executors.gateway.bodies import Bodies
from executors.gateway.endpoint import Endpoint
from executors.gateway.exchange import Answer, Exchange
from executors.services.submission import Submission
from k8s4r import clock, failpoints
from k8s4r.access.principals import Principal, PrincipalKind, refusal
from k8s4r.api import authentication, idempotency, parsing, rates
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.api.counting import Count
from k8s4r.audit import attribution
from k8s4r.core.errors import DomainError, Forbidden, Unauthenticated
from k8s4r.core.roles import Permission

# Above this a body is a long list: it takes its time, and nobody's single task waits for it.
SMALL_BYTES: Final = 32 * 1024
# What waits holds its body: 64 MiB of small ones, 128 MiB of large ones at most.
_SMALL: Final = BatchLimits(items=64, waiting=2_000)
_LARGE: Final = BatchLimits(items=1, waiting=32)


@dataclass(frozen=True, slots=True)
class Asking:
    """A create as it came."""

    token: str
    body: bytes
    key: str
    request_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Made:
    """An answered create."""

    answer: idempotency.Answer
    count: Count | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A create whose sender is known and whose body is JSON."""

    principal: Principal
    body: Any
    asking: Asking
    count: Count | None


class CreateEndpoint:
    """Takes ``POST tasks`` of those who have a token."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._small: Collector[Asking, Made] = Collector(_create, name="creates", limits=_SMALL)
        self._large: Collector[Asking, Made] = Collector(_create, name="lists", limits=_LARGE)

    def all(self) -> Sequence[Collector[Any, Any]]:
        """Return every collector, for counting and closing."""
        return [self._small, self._large]

    async def post(self, exchange: Exchange) -> Answer:
        """Accept tasks: 201 when they are committed."""
        token = exchange.bearer()
        body = await self._bodies.json(exchange, limit_bytes=creation.LIMITS.bytes)
        key = exchange.header(idempotency.HEADER.lower().encode())
        lane = self._small if len(body) <= SMALL_BYTES else self._large
        made = await lane.submit(Asking(token, body, key, exchange.request_id, exchange.address))
        told = [*made.answer.headers.items(), *rates.headers(made.count)]
        headers = [(name.lower().encode(), value.encode()) for name, value in told]
        return Answer(made.answer.status, made.answer.body, headers=headers)


class ByToken:
    """Sends creates that come with a token to their endpoint, and everything else behind."""

    def __init__(self, creates: CreateEndpoint, *, behind: ASGIApp) -> None:
        self._endpoint = Endpoint({"POST": creates.post})
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_token = any(name == b"authorization" for name, _ in scope["headers"])
        app = self._endpoint if scope["method"] == "POST" and has_token else self._behind
        await app(scope, receive, send)


def _create(calls: Sequence[Asking]) -> list[Made | DomainError]:
    now = clock.now()
    principals = authentication.authenticate_many([call.token for call in calls], now=now)
    counts = iter(rates.counted([who for who in principals if who]))
    checked = [
        _checked(call, who, next(counts) if who else None)
        for call, who in zip(calls, principals, strict=True)
    ]
    made = iter(_made([one for one in checked if isinstance(one, _Ready)], now=now))
    failpoints.reach("create.after_commit")
    return [next(made) if isinstance(one, _Ready) else one for one in checked]


def _checked(
    call: Asking, principal: Principal | None, count: Count | None
) -> _Ready | DomainError:
    if principal is None:
        return Unauthenticated("this token is not valid")
    if principal.kind is not PrincipalKind.PERSON:
        return Forbidden("only people may do this")
    if not principal.rights.anywhere(Permission.TASKS_WRITE):
        return refusal(Permission.TASKS_WRITE)
    try:
        rates.check(count)
        body = parsing.strict_loads(call.body, limits=creation.LIMITS)
        return _Ready(principal, body, call, count)
    except DomainError as refused:
        return refused


def _made(ready: Sequence[_Ready], *, now: datetime) -> list[Made | DomainError]:
    """Make the tasks of all in one transaction; a refusal leaves the others as they are."""
    if len(ready) == 1:
        return [_one(ready[0], now=now)]
    with transaction.atomic():
        return [_one(one, now=now) for one in ready]


def _one(one: _Ready, *, now: datetime) -> Made | DomainError:
    terms = Submission(
        principal=one.principal,
        now=now,
        aging_weight_s=conf.aging_weight_s(),
        listed=isinstance(one.body, list),
    )
    try:
        asked = idempotency.asked(
            one.asking.key,
            principal=str(one.principal.token_id),
            route=f"POST {creation.ROUTE}",
            body=one.body,
        )
        with (
            structlog.contextvars.bound_contextvars(request_id=one.asking.request_id),
            attribution.origin(one.asking.address, token_id=one.principal.token_id),
        ):
            answer = idempotency.once(asked, lambda: creation.tasks(one.body, terms), now=now)
    except DomainError as refused:
        return refused
    return Made(answer, one.count)
