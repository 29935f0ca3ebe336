"""How do people read a task's log: as a file, as JSON chunks, or live as it is written?

``GET tasks/{id}/logs`` is a download, ``Accept: application/json`` or ``?after=`` gives chunks,
``?follow=1`` server-sent events (WHATWG HTML, 9.2). A place in the log is ``ATTEMPT.SEQ``.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from executors.gateway import event_streams, readers
from executors.gateway.exchange import Answer, Exchange, json_answer
from executors.gateway.following import Follower, Followers
from executors.gateway.log_rows import PLACE, Chunk, Page, Place, Question, TaskNews, place
from k8s4r.api.answers import Problem
from k8s4r.api.operations import JSON, Media, operation
from k8s4r.api.streams import EVENT_STREAM, Events
from k8s4r.core import ids
from k8s4r.core.errors import DomainError, FieldProblem, Invalid, NotFound, TooMany
from k8s4r.core.roles import Permission

# A place that no attempt reaches: used when only the state of a task is asked for.
_BEYOND: Final = Place(2**31)
_ATTEMPT: Final = re.compile(r"[0-9]{1,9}")
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_TEXT: Final = Answer(media_type=b"text/plain; charset=utf-8", headers=[_NOSNIFF])


class LogQuery(msgspec.Struct):
    """From which place on, of which attempt, and whether to go on as it is written."""

    after: Annotated[str, Meta(pattern=f"^{PLACE}$")] | None = None
    attempt: Annotated[int, Meta(ge=0, le=999_999_999)] | None = None
    follow: Literal["0", "1", "true", "false"] | None = None


class LogPage(msgspec.Struct):
    """A part of a log: where it ended, ``next`` when there is more, and how the task stands."""

    items: Sequence[Chunk]
    cursor: str
    next: str | None
    task: TaskNews


LOG_EVENTS: Final = Events(
    "LogEvent",
    {"log": Chunk, "state": TaskNews, "end": TaskNews, "error": Problem},
    placed=frozenset({"log", "state", "end"}),
)


class LogEndpoint:
    """Handles ``GET tasks/{id}/logs``."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers

    @operation(
        needs=Permission.TASKS_READ,
        query=LogQuery,
        answers={200: Media({"text/plain": bytes, JSON: LogPage, EVENT_STREAM: LOG_EVENTS})},
        refuses=(TooMany,),
    )
    async def get(self, exchange: Exchange) -> Answer | None:
        """Answer in the form that was asked for."""
        question = await self._question(exchange)
        accepts = exchange.header(b"accept")
        if _follows(exchange.query("follow")) or "text/event-stream" in accepts:
            await self._follow(exchange, question)
            return None
        if exchange.query("after") is not None or "application/json" in accepts:
            return _as_json(await self._followers.reading.submit(question))
        await self._download(exchange, question)
        return None

    async def _question(self, exchange: Exchange) -> Question:
        """Return what is asked; a bare sequence number is one of the latest attempt."""
        task_id = ids.as_uuid(exchange.part("task_id"))
        if task_id is None:
            raise NotFound("no such task")
        attempt = _attempt(exchange.query("attempt"))
        question = Question(readers.of(exchange), task_id, attempt=attempt)
        after = exchange.header(b"last-event-id") or exchange.query("after")
        if after is None:
            return question
        latest = question.attempt or 0
        if "." not in after and not latest:
            page = await self._followers.reading.submit(replace(question, after=_BEYOND))
            latest = page.news.attempt
        return replace(question, after=place(after, latest=latest))

    async def _download(self, exchange: Exchange, question: Question) -> None:
        async with aclosing(self._pages(question)) as pages:
            async for page in pages:
                text = b"".join(chunk.data for chunk in page.chunks)
                if exchange.started:
                    await exchange.piece(text)
                else:
                    await exchange.begin(replace(_TEXT, body=text))
        await exchange.end()

    async def _pages(self, question: Question) -> AsyncGenerator[Page]:
        """Yield what there is by now."""
        more = True
        while more:
            page = await self._followers.reading.submit(question)
            yield page
            question, more = replace(question, after=page.after), page.more

    async def _follow(self, exchange: Exchange, question: Question) -> None:
        # The first page is read before the answer begins: a refusal still gets its status.
        follower = self._followers.enter(question.task_id)
        try:
            async with event_streams.reader(exchange, follower.news) as gone:
                page = await self._followers.reading.submit(question)
                await exchange.begin(event_streams.BEGINNING)
                await self._stream(exchange, follower, question, page, gone)
                await exchange.end()
        finally:
            self._followers.leave(follower)

    async def _stream(
        self,
        exchange: Exchange,
        follower: Follower,
        question: Question,
        page: Page,
        gone: "asyncio.Future[None]",
    ) -> None:
        told: TaskNews | None = None
        while True:
            follower.attempt_ids = page.attempt_ids
            await exchange.piece(_events(page, told))
            told = page.news
            if not page.more:
                if page.news.final:
                    await exchange.piece(_event("end", page.news, page.after))
                    return
                await self._wait(exchange, follower)
            if gone.done() or self._followers.stopping:
                return
            question = replace(question, after=page.after)
            try:
                page = await self._followers.reading.submit(question)
            except DomainError as error:
                # The client comes back to `Last-Event-ID`.
                await exchange.piece(event_streams.failure(error, exchange))
                return

    async def _wait(self, exchange: Exchange, follower: Follower) -> None:
        """Return at the next news; comment meanwhile."""
        while not self._followers.stopping:
            if await event_streams.heard(follower.news):
                return
            await exchange.piece(event_streams.COMMENT)


def _follows(text: str | None) -> bool:
    if text not in {None, "0", "1", "true", "false"}:
        problem = FieldProblem("?follow", "enum", "1 or 0")
        raise Invalid("follow: 1 or 0", errors=[problem])
    return text in {"1", "true"}


def _attempt(text: str | None) -> int | None:
    if text is None:
        return None
    if not _ATTEMPT.fullmatch(text):
        problem = FieldProblem("/attempt", "number", "expected the number of an attempt")
        raise Invalid("attempt: expected a number", errors=[problem])
    return int(text)


def _as_json(page: Page) -> Answer:
    after = str(page.after)
    return json_answer(LogPage(page.chunks, after, after if page.more else None, page.news))


def _events(page: Page, told: TaskNews | None) -> bytes:
    """Return a page as events: its chunks, and the state when it is another than was told."""
    events = [_event("log", chunk, Place(chunk.attempt, chunk.seq)) for chunk in page.chunks]
    if page.news != told:
        events.append(_event("state", page.news, page.after))
    return b"".join(events)


def _event(kind: str, content: Any, at: Place) -> bytes:
    return event_streams.event(kind, msgspec.json.encode(content), at=str(at))
