"""How does a link carry out what `session.step` decides?"""

import asyncio
import contextlib
import logging
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec

from agents.client import identity, logs, seam
from agents.client.identity import Identity, NoIdentity
from agents.client.link import health, session
from agents.client.link import vocabulary as words
from agents.client.link.reporter import Reporter, plenty_for
from agents.client.link.requests import Composer
from agents.client.link.transports.http import HttpTransport, Request, Unanswered
from agents.client.link.uploads import Uploads
from agents.client.link.vocabulary import Call, Lane, Trouble
from agents.wire.messages import (
    Claimed,
    HeartbeatAnswer,
    Registered,
    ReportsAnswer,
    SessionOpened,
)

logger = logging.getLogger(__name__)

READ_BYTES = 1024 * 1024
# Below the time that the runner leaves its link to end in. Long enough for a server that is busy:
# without this word work goes to an agent that is not there, and waits for its lease to end.
LAST_WORD_S = 5.0
# From here on the server may believe that the agent offers slots.
KNOWN_STAGES = frozenset({words.Stage.OPENING, words.Stage.RENEWING, words.Stage.OPEN})
A = TypeVar("A")


class Link:
    """The glue between the seam, the transport and the pure behaviour."""

    def __init__(
        self,
        composer: Composer,
        transport: HttpTransport,
        writer: asyncio.StreamWriter,
        random: Random,
    ) -> None:
        self._composer = composer
        self._clock = composer.clock
        self._transport = transport
        self._writer = writer
        self._random = random
        self._reporter = Reporter(plenty_for(composer.roster.slots))
        self._uploads = Uploads(composer, transport, random, self._send)
        self._state = words.State()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rests: dict[Lane, asyncio.TimerHandle] = {}
        self._frames_sent = 0
        self._generation = 0
        self._pong = asyncio.Event()
        self.is_broken = False
        self.vitals = health.Vitals()

    def begin(self) -> None:
        """Find out who we are and go on from there."""
        try:
            self._composer.identity = self._load_identity()
        except NoIdentity as error:
            self._end(words.End(session.EXIT_CONFIGURATION, "configuration", str(error)))
            return
        self._apply(words.Ready(enrolled=self._composer.identity is not None))

    def hear(self, message: seam.FromRunner) -> None:
        """Take in what the runner says."""
        match message:
            case seam.Roster():
                self._hear_roster(message)
            case seam.Pong():
                self._pong.set()
            case seam.Items(items):
                self._reporter.offer(items)
                self._apply(words.ReportsWait(self._reporter.backlog))
            case seam.Upload():
                self._uploads.offer(message)

    def _hear_roster(self, message: seam.Roster) -> None:
        before, self._composer.roster = self._composer.roster, message
        self.vitals.held, self.vitals.free = len(message.held), message.free
        self._reporter.plenty_items = plenty_for(message.slots)
        if message.offer != before.offer:
            self._apply(words.SlotsChanged())
        elif message.standing != before.standing:
            self._apply(words.StandingChanged())
        if message.frames_taken >= self._frames_sent:
            self._apply(words.RunnerCaughtUp())

    async def last_word(self) -> None:
        """Take the slots back before the runner ends: no work is to be given in its absence."""
        if self._state.stage not in KNOWN_STAGES or not self._composer.roster.draining:
            return
        with contextlib.suppress(Unanswered, msgspec.MsgspecError, NoIdentity, TimeoutError):
            async with asyncio.timeout(LAST_WORD_S):
                await self._ask(self._composer.session(), SessionOpened)

    def _apply(self, event: words.Event) -> None:
        before = self._state.stage
        self._state, actions = session.step(self._state, event)
        if self._state.stage is not before:
            logger.info("link_stage", extra={"stage": self._state.stage})
            self.vitals.stage = self._state.stage
        for action in actions:
            self._perform(action)

    def _perform(self, action: words.Action) -> None:
        match action:
            case words.Start(call):
                task = asyncio.get_running_loop().create_task(self._call(call))
                self._tasks.add(task)
                task.add_done_callback(self._called)
            case words.Rest(lane, seconds):
                self._rest(lane, seconds)
            case words.ReadToken():
                with contextlib.suppress(NoIdentity):
                    self._composer.identity = self._load_identity() or self._composer.identity
            case words.End():
                self._end(action)
            case _:
                self._tell(action)

    def _tell(self, action: words.Action) -> None:
        """Pass something on to the runner."""
        match action:
            case words.HandOver(orders):
                self._frames_sent += 1
                self._send(seam.Orders(list(orders)))
            case words.PassOn(directives):
                self._frames_sent += 1
                if directives.settings is not None:
                    self._composer.claim_wait_s = directives.settings.claim_wait_s
                if directives.wanted is not None:
                    logs.set_level(directives.wanted.log_level)
                self._send(seam.Told(directives))
            case words.Settle(outcomes):
                self._send(seam.Outcomes(list(outcomes)))
            case words.Renew(sent_at):
                self.vitals.heard_at, self.vitals.last_failure = sent_at, ""
                self._send(seam.Heard(sent_at))

    async def _call(self, call: Call) -> None:
        try:
            event = await self._answered(call)
        except Unanswered as error:
            event = self._failed(call, error)
        except msgspec.MsgspecError as error:
            event = self._failed(call, Unanswered(Trouble.AWAY, f"answer not understood: {error}"))
        except NoIdentity as error:
            event = self._failed(call, Unanswered(Trouble.REJECTED, str(error)))
        self._apply(event)

    async def _answered(self, call: Call) -> words.Event:
        match call:
            case Call.REGISTER:
                return await self._register()
            case Call.SESSION:
                opened = await self._ask(self._composer.session(), SessionOpened)
                self._composer.claim_wait_s = opened.settings.claim_wait_s
                self._notice(opened.generation)
                return words.Opened(opened.settings, opened.directives)
            case Call.HEARTBEAT:
                return await self._beat()
            case Call.CLAIM:
                return words.ClaimAnswered(await self._ask(self._composer.claim(), Claimed))
            case Call.REPORT:
                return await self._report()

    def _notice(self, generation: int) -> None:
        """Say when the server was set back to a backup: what it forgot is stopped."""
        if generation != (self._generation or generation):
            logger.warning("server_was_restored", extra={"generation": generation})
        self._generation = generation

    async def _register(self) -> words.Event:
        registered = await self._ask(self._composer.register(), Registered)
        self._keep(Identity(registered.id, registered.token))
        return words.Registered()

    async def _beat(self) -> words.Event:
        await self._hear_runner()
        sent_at = self._clock.now()
        answer = await self._ask(self._composer.heartbeat(sent_at=sent_at), HeartbeatAnswer)
        mine = self._composer.identity
        if answer.token is not None and mine is not None:
            self._keep(Identity(mine.agent, answer.token, mine.origin))
        return words.Beaten(answer, sent_at=sent_at, now=self._clock.now())

    async def _hear_runner(self) -> None:
        """Wait for a sign of life of the runner, for as long as it takes."""
        self._pong.clear()
        self._send(seam.Ping())
        await self._pong.wait()

    async def _report(self) -> words.Event:
        request = self._composer.reports(self._reporter.take())
        try:
            answer = await self._ask(request, ReportsAnswer)
        except (Unanswered, msgspec.MsgspecError) as error:
            if isinstance(error, Unanswered) and error.trouble is Trouble.REJECTED:
                self._reject(error)
            else:
                self._reporter.failed()
            raise
        outcomes = self._reporter.delivered(answer.results)
        self.vitals.reports += len(answer.results)
        return words.ReportsAnswered(tuple(outcomes), answer.directives, self._reporter.backlog)

    def _reject(self, error: Unanswered) -> None:
        poison = self._reporter.rejected()
        if poison is not None:
            extra = {"attempt": poison.attempt, "seq": poison.seq, "detail": error.detail}
            logger.error("report_rejected", extra=extra)

    async def _ask(self, request: Request, answer: type[A]) -> A:
        return msgspec.json.decode(await self._transport.ask(request), type=answer)

    def _failed(self, call: Call, error: Unanswered) -> words.Event:
        self.vitals.failures += 1
        if error.detail != self.vitals.last_failure:
            self.vitals.last_failure = error.detail
            logger.warning("call_failed", extra={"call": call, "detail": error.detail})
        return words.Failed(
            call,
            error.trouble,
            error.detail,
            now=self._clock.now(),
            jitter=self._random.random(),
            retry_after_s=error.retry_after_s,
        )

    def _keep(self, mine: Identity) -> None:
        identity.keep(mine, self._sources().state_folder)
        self._composer.identity = mine

    def _load_identity(self) -> Identity | None:
        return identity.load(self._sources())

    def _sources(self) -> identity.Sources:
        setup = self._composer.setup
        token_file = None if setup.token_file is None else Path(setup.token_file)
        return identity.Sources(Path(setup.state_folder), token_file, setup.agent_id)

    def _rest(self, lane: Lane, seconds: float) -> None:
        earlier = self._rests.pop(lane, None)
        if earlier is not None:
            earlier.cancel()
        loop = asyncio.get_running_loop()
        self._rests[lane] = loop.call_later(seconds, self._apply, words.Rested(lane))

    def _end(self, end: words.End) -> None:
        self._send(seam.Ended(end.code, end.reason, end.message))

    def _send(self, frame: seam.Frame) -> None:
        self._writer.write(seam.framed(frame))

    def _called(self, task: asyncio.Task[None]) -> None:
        """A call that broke in a way nobody foresaw ends the link; the runner starts another."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("link_broken", exc_info=task.exception())
            self.is_broken = True
            self._writer.close()
