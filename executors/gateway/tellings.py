"""How does the work of an attempt tell how far it is, and pin texts to its task's page?

``PUT attempts/{id}/progress`` and ``PUT attempts/{id}/annotations/{context}``, by the token that
the work finds in its environment. Who follows the task is told at once.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import msgspec

from agents.wire import tellings
from agents.wire.tellings import Heard, ToldAnnotation, ToldProgress
from executors.gateway.bodies import Bodies
from executors.gateway.exchange import Answer, Exchange, json_answer
from executors.gateway.following import Followers
from executors.services import telling
from executors.services.telling import Teller
from k8s4r import clock
from k8s4r.access.principals import PrincipalKind
from k8s4r.api import counting
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.api.operations import operation
from k8s4r.core import ids
from k8s4r.core.errors import (
    Conflict,
    DomainError,
    FieldProblem,
    Invalid,
    NotFound,
    Superseded,
    TooMany,
    Unavailable,
)

# A program that says every percent of a short work is fine; a loop that says every row is not.
MOST_IN_WINDOW: Final = 60
WINDOW_S: Final = 10.0
_CONTEXT: Final = re.compile(tellings.CONTEXT)
_PROGRESS: Final = msgspec.json.Decoder(ToldProgress)
_ANNOTATION: Final = msgspec.json.Decoder(ToldAnnotation)

Write: TypeAlias = Callable[..., Heard]


@dataclass(frozen=True, slots=True)
class Telling:
    """Something that is told: by whom, and the service that stores it."""

    teller: Teller
    write: Write


class TellingEndpoints:
    """Handles the paths by which work speaks for itself."""

    def __init__(self, bodies: Bodies, followers: Followers) -> None:
        self.storing: Collector[Telling, Heard] = Collector(
            _store, name="tellings", limits=BatchLimits(items=1, waiting=2_000)
        )
        self._bodies = bodies
        self._followers = followers

    @operation(
        needs=None,
        caller=PrincipalKind.TASK,
        body=ToldProgress,
        answers={200: Heard},
        refuses=(Superseded,),
    )
    async def progress(self, exchange: Exchange) -> Answer:
        """Take how far the work is; it counts as a sign of life."""
        teller = _teller(exchange)
        told = await self._bodies.message(exchange, _PROGRESS)
        return await self._stored(Telling(teller, partial(_progress, told)))

    @operation(
        needs=None,
        caller=PrincipalKind.TASK,
        body=ToldAnnotation,
        answers={200: Heard},
        refuses=(Conflict, Superseded),
    )
    async def annotate(self, exchange: Exchange) -> Answer:
        """Pin Markdown to the task's page, in place of what had the same context."""
        teller = _teller(exchange)
        told = await self._bodies.message(exchange, _ANNOTATION)
        context = exchange.part("context")
        if not _CONTEXT.fullmatch(context):
            problem = FieldProblem("/context", "name", tellings.CONTEXT_RULE)
            raise Invalid(f"context: {tellings.CONTEXT_RULE}", errors=[problem])
        return await self._stored(Telling(teller, partial(_annotation, context, told)))

    async def _stored(self, told: Telling) -> Answer:
        heard = await self.storing.submit(told)
        if heard.is_new:
            self._followers.reported([heard.attempt])
        return json_answer(heard)


def _teller(exchange: Exchange) -> Teller:
    attempt_id = ids.as_uuid(exchange.part("attempt_id"))
    if attempt_id is None:
        raise NotFound("no such attempt")
    return Teller(attempt_id, exchange.bearer())


def _progress(told: ToldProgress, teller: Teller, now: datetime) -> Heard:
    return telling.progress(teller, told, now=now)


def _annotation(context: str, told: ToldAnnotation, teller: Teller, now: datetime) -> Heard:
    return telling.annotate(teller, context, told, now=now)


def _store(told: Sequence[Telling]) -> list[Heard | DomainError]:
    now = clock.now()
    return [_stored(one, now) for one in told]


def _stored(one: Telling, now: datetime) -> Heard:
    _count(one.teller)
    return one.write(one.teller, now)


def _count(teller: Teller) -> None:
    """Count what an attempt tells, before anything is locked for it; without Redis nobody counts.

    By the token as well: a stranger who knows the id uses up nobody's share.

    Raises:
        TooMany: says when the next window begins.
    """
    whose = hashlib.sha256(teller.token.encode()).hexdigest()[:16]
    name = f"tellings:{teller.attempt_id}:{whose}"
    try:
        (count,) = counting.counter().counted([name], window_s=WINDOW_S)
    except Unavailable:
        return
    if count.times > MOST_IN_WINDOW:
        detail = f"a task may tell {MOST_IN_WINDOW} things in {WINDOW_S:g} s: wait"
        raise TooMany(detail, retry_after_s=count.ends_s)
