"""How do integrations watch a list instead of asking again and again?

``GET tasks?watch=1`` with the filters of the list: server-sent events (WHATWG HTML, 9.2), first an
``added`` for each thing there is, then a ``bookmark``, then each change. Behind what
was told stands a ``bookmark`` whose id is a cursor: ``since=`` or ``Last-Event-ID`` goes on there;
what changed shortly before may be told again, as it is by then.
``since=now`` begins with the present. The rule is that of Kubernetes: list, then watch.
"""

import asyncio
import re
from dataclasses import dataclass, replace
from random import Random
from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from executors.gateway import event_streams
from executors.gateway.endpoint import Endpoint
from executors.gateway.exchange import Exchange
from executors.gateway.watch_kinds import KINDS
from executors.gateway.watch_rows import Question, Told
from executors.gateway.watching import Watcher, Watchers
from k8s4r.api.rendering import dumps
from k8s4r.core.errors import DomainError, FieldProblem, Invalid

# A stream ends after five minutes, give or take one: its reader comes back, maybe elsewhere.
LASTS_S: Final = (240.0, 360.0)
NOW: Final = "now"
_CURSOR: Final = re.compile(r"[0-9]{1,18}")


class WatchEndpoint:
    """Handles ``GET tasks?watch=1``, and that of agents, pools and pods."""

    def __init__(self, watchers: Watchers, random: Random) -> None:
        self._watchers = watchers
        self._random = random

    async def get(self, exchange: Exchange) -> None:
        """Stream changes until the reader leaves."""
        path = exchange.path.rpartition("/")[2]
        question = Question(
            exchange.bearer(), path, exchange.scope["query_string"].decode("latin-1")
        )
        since = _since(exchange)
        watcher = await self._watchers.enter(KINDS[path])
        try:
            async with event_streams.reader(exchange, watcher.news) as gone:
                # The first answer comes before the stream begins: a refusal still gets its status.
                cursor = self._watchers.cursor
                first = await self._watchers.telling.submit(_first(question, since))
                await exchange.begin(event_streams.BEGINNING)
                await exchange.piece(_pieces(first, cursor))
                await self._stream(exchange, watcher, question, gone)
                await exchange.end()
        finally:
            self._watchers.leave(watcher)

    async def _stream(
        self,
        exchange: Exchange,
        watcher: Watcher,
        question: Question,
        gone: "asyncio.Future[None]",
    ) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._random.uniform(*LASTS_S)
        while loop.time() < ends_at:
            await event_streams.heard(watcher.news)
            if gone.done() or self._watchers.stopping:
                return
            changed, watcher.changed = watcher.changed, {}
            cursor = self._watchers.cursor
            try:
                # Also without news: whose token is no longer good is told nothing more.
                told = await self._watchers.telling.submit(replace(question, changed=changed))
            except DomainError as error:
                await exchange.piece(event_streams.failure(error, exchange))
                return
            await exchange.piece(_pieces(told, cursor) if changed else event_streams.COMMENT)


@dataclass(frozen=True, slots=True)
class WatchOrList:
    """Sends watches to their endpoint, and everything else behind."""

    endpoint: Endpoint
    behind: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watched = scope["method"] == "GET" and b"watch=1" in scope["query_string"].split(b"&")
        await (self.endpoint if watched else self.behind)(scope, receive, send)


def _since(exchange: Exchange) -> str:
    text = exchange.header(b"last-event-id") or exchange.query("since") or ""
    if text and text != NOW and not _CURSOR.fullmatch(text):
        detail = "the id of an event of this watch, or now"
        raise Invalid(f"since: {detail}", errors=[FieldProblem("?since", "cursor", detail)])
    return text


def _first(question: Question, since: str) -> Question:
    if since == NOW:
        return replace(question, changed={})
    return replace(question, since=int(since)) if since else question


def _pieces(told: list[Told], cursor: int) -> bytes:
    """Return what is told as events, and a bookmark behind them."""
    events = [event_streams.event(one.event, dumps(one.content)) for one in told]
    at = str(cursor)
    bookmark = event_streams.event("bookmark", orjson.dumps({"cursor": at}), at=at)
    return b"".join([*events, bookmark])
