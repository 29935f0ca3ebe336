"""A claim waits without costing anything, and is answered as soon as there is news."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.wire.messages import Claim, Claimed, Directives, Order, OrderedTask, Stop
from executors.channels.news import Handover
from executors.gateway.calls import Call
from executors.gateway.claims import Claims
from k8s4r.core.errors import Superseded, Unauthenticated, Unavailable
from tests.waiting import a_few_turns

NOTHING = Claimed()
GOOD = {"token"}
DRAIN = Claimed(directives=Directives(drain=True))


def an_order() -> Claimed:
    task = OrderedTask(id=uuid4(), kind="exec", driver="noop", phase="run", spec={})
    order = Order(
        attempt=uuid4(), number=1, token="t", slot=0, task=task, lost_after_s=120, disconnect="wait"
    )
    return Claimed(orders=[order])


@dataclass
class Database:
    """What the service would find; remembers who asked. An error is a finding too."""

    found: dict[UUID, Claimed | Exception] = field(default_factory=dict)
    asked: list[UUID] = field(default_factory=list)

    def ask(self, call: Call[Claim]) -> "asyncio.Future[Claimed]":
        self.asked.append(call.agent_id)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Claimed] = loop.create_future()
        loop.call_soon(self._tell, future, self.found.get(call.agent_id, NOTHING))
        return future

    @staticmethod
    def _tell(future: "asyncio.Future[Claimed]", finding: Claimed | Exception) -> None:
        if future.done():
            return
        if isinstance(finding, Exception):
            future.set_exception(finding)
        else:
            future.set_result(finding)


def play(scene: Callable[[Claims, Database], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        database = Database()
        claims = Claims(database.ask, is_good=GOOD.__contains__)
        answer = await asyncio.wait_for(scene(claims, database), 10)
        assert len(claims) == 0, "nothing is left behind"
        return answer

    return asyncio.run(run())


def a_call(agent_id: UUID | None = None, wait_s: float = 25.0, token: str = "token") -> Call[Claim]:
    return Call(token, agent_id or uuid4(), Claim(session=uuid4(), free=1, wait_s=wait_s))


def handed(call: Call[Claim], session: UUID | None = None) -> dict[UUID, Handover]:
    return {call.agent_id: Handover(session or call.message.session, an_order().orders)}


async def held(claims: Claims, call: Call[Claim]) -> "asyncio.Task[Claimed]":
    """Return a claim that has been asked for and found nothing."""
    waiting = asyncio.create_task(claims.answer(call))
    await a_few_turns()
    assert not waiting.done()
    return waiting


def test_orders_that_are_there_are_answered_at_once() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        database.found[call.agent_id] = an_order()
        assert await claims.answer(call) == database.found[call.agent_id]

    play(scene)


def test_a_claim_that_may_not_wait_is_answered_after_one_look() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        assert await claims.answer(a_call(wait_s=0)) == NOTHING
        assert len(database.asked) == 1

    play(scene)


def test_a_claim_ends_empty_when_its_time_is_up() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        assert await claims.answer(a_call(wait_s=0.05)) == NOTHING

    play(scene)


def test_news_wakes_only_whom_it_is_for() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        mine, other = a_call(), a_call()
        waiting, idle = await held(claims, mine), await held(claims, other)
        database.found[mine.agent_id] = an_order()
        claims.wake([mine.agent_id, uuid4()])
        assert (await waiting).orders
        assert not idle.done()
        assert database.asked.count(other.agent_id) == 1
        idle.cancel()
        await asyncio.wait({idle})

    play(scene)


def test_news_that_comes_during_a_look_is_looked_for_again() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        waiting = asyncio.create_task(claims.answer(call))
        await asyncio.sleep(0)  # asked, not yet told
        database.found[call.agent_id] = an_order()
        claims.wake([call.agent_id])
        assert (await waiting).orders

    play(scene)


def test_new_orders_are_handed_over_without_another_look() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        waiting = await held(claims, call)
        orders = handed(call)
        claims.hand({uuid4(): orders[call.agent_id], **orders})
        assert (await waiting).orders == orders[call.agent_id].orders
        assert database.asked == [call.agent_id]

    play(scene)


def test_orders_of_another_session_are_not_handed_over() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        waiting = await held(claims, call)
        database.found[call.agent_id] = Superseded("gone")
        claims.hand(handed(call, session=uuid4()))
        with pytest.raises(Superseded):
            await waiting

    play(scene)


def test_orders_are_not_handed_to_a_token_that_is_not_known_to_be_good_any_more() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call(token="revoked meanwhile")
        waiting = await held(claims, call)
        claims.hand(handed(call))
        assert not waiting.done()
        database.found[call.agent_id] = Unauthenticated("this token is not valid")
        claims.hand(handed(call))
        with pytest.raises(Unauthenticated):
            await waiting

    play(scene)


def test_orders_that_come_during_a_look_are_looked_for_again() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        waiting = asyncio.create_task(claims.answer(call))
        await asyncio.sleep(0)  # asked, not yet told
        database.found[call.agent_id] = an_order()
        claims.hand(handed(call))
        assert (await waiting).orders == database.found[call.agent_id].orders

    play(scene)


def test_a_wish_that_was_there_from_the_start_does_not_end_the_wait() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        database.found[call.agent_id] = DRAIN
        waiting = await held(claims, call)
        claims.look_for_all()
        await a_few_turns()
        assert not waiting.done()
        claims.stop()
        assert await waiting == DRAIN
        assert len(database.asked) == 2

    play(scene)


def test_a_changed_wish_and_a_stop_end_the_wait() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        for finding in (
            DRAIN,
            Claimed(directives=Directives(stop=[Stop(attempt=uuid4(), reason="cancel")])),
        ):
            call = a_call()
            waiting = await held(claims, call)
            database.found[call.agent_id] = finding
            claims.wake([call.agent_id])
            assert await waiting == finding

    play(scene)


def test_the_next_claim_of_an_agent_ends_the_one_before() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        first = await held(claims, call)
        second = await held(claims, a_call(call.agent_id))
        assert await first == NOTHING
        database.found[call.agent_id] = an_order()
        claims.wake([call.agent_id])
        assert (await second).orders

    play(scene)


def test_a_refusal_ends_the_wait() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call = a_call()
        waiting = await held(claims, call)
        database.found[call.agent_id] = Superseded("another session")
        claims.look_for_all()
        assert await asyncio.gather(waiting, return_exceptions=True) == [
            database.found[call.agent_id]
        ]

    play(scene)


def test_a_database_that_is_away_refuses_new_claims_and_keeps_held_ones() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        call, late = a_call(), a_call()
        waiting = await held(claims, call)
        away = Unavailable("away")
        database.found = {call.agent_id: away, late.agent_id: away}
        claims.look_for_all()
        [refused] = await asyncio.gather(claims.answer(late), return_exceptions=True)
        assert refused is away
        assert not waiting.done()
        database.found[call.agent_id] = an_order()
        claims.look_for_all()
        assert (await waiting).orders

    play(scene)


def test_who_leaves_is_forgotten() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        waiting = await held(claims, a_call())
        assert len(claims) == 1
        waiting.cancel()
        await asyncio.wait({waiting})

    play(scene)


def test_stopping_answers_everybody_and_lets_nobody_wait_again() -> None:
    async def scene(claims: Claims, database: Database) -> None:
        waiting = [await held(claims, a_call()) for _ in range(20)]
        claims.stop()
        assert await asyncio.gather(*waiting) == [NOTHING] * 20
        assert await claims.answer(a_call()) == NOTHING

    play(scene)
