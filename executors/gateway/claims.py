"""Who waits for an order, and when is the database asked for them?

    claim --> ask --> orders? answer : hold --(news, or a look every few seconds)--> ask again
                                        |--(a pass of this process has orders)--> answer
                                        |--(time is up, or we stop)--> answer without orders

A held claim is an entry here and an open connection, nothing else: no thread, no database
connection. All that ask at one moment are asked for in one query.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

from agents.wire.messages import Claim, Claimed
from executors.channels.news import Handover
from executors.gateway.calls import Call
from k8s4r.core.errors import Unavailable

Asking: TypeAlias = "Callable[[Call[Claim]], asyncio.Future[Claimed]]"

# While the subscription is up, looks only make up for news that was lost on its way.
LOOK_S: Final = 10.0
LOOK_DEAF_S: Final = 2.0


@dataclass(slots=True, eq=False)
class _Hold:
    """One waiting claim.

    ``seen`` is what was last told, ``stale``: there was news while asking, ``over``: wait no more.
    """

    call: Call[Claim]
    answer: "asyncio.Future[Claimed]"
    seen: Claimed | None = None
    asking: bool = False
    stale: bool = False
    over: bool = False


class Claims:
    """The held claims of this process, at most one of each agent: a new one ends the earlier."""

    def __init__(self, ask: Asking, *, is_good: Callable[[str], bool]) -> None:
        self._ask = ask
        self._is_good = is_good
        self._holds: dict[UUID, _Hold] = {}
        self.stopping = False

    def __len__(self) -> int:
        return len(self._holds)

    async def answer(self, call: Call[Claim]) -> Claimed:
        """Return the open orders and directives of the session; wait until there are some.

        Raises:
            DomainError: the refusal of the first look. Later ones that fail because the database
                is away leave the claim waiting.
        """
        loop = asyncio.get_running_loop()
        hold = _Hold(call, loop.create_future(), over=self.stopping)
        self._enter(hold)
        timer = loop.call_later(call.message.wait_s, self._release, hold)
        try:
            self._look(hold)
            return await hold.answer
        finally:
            timer.cancel()
            if self._holds.get(call.agent_id) is hold:
                del self._holds[call.agent_id]

    def wake(self, agent_ids: Iterable[UUID]) -> None:
        """Look for these agents, as far as they wait here: there is news for them."""
        for agent_id in agent_ids:
            hold = self._holds.get(agent_id)
            if hold is not None:
                self._look(hold)

    def hand(self, orders: Mapping[UUID, Handover]) -> None:
        """Answer these agents with the orders that they were just given, as far as they wait here.

        Only while the token that came with the claim is known to be good; otherwise it is looked
        at again, with the rest.
        """
        for agent_id, handover in orders.items():
            hold = self._holds.get(agent_id)
            if hold is None or hold.answer.done():
                continue
            if hold.asking or not self._fits(hold.call, handover):
                self._look(hold)
            else:
                hold.answer.set_result(Claimed(orders=list(handover.orders)))

    def look_for_all(self) -> None:
        """Look for everybody who waits: one query."""
        for hold in list(self._holds.values()):
            if not hold.asking:
                self._look(hold)

    def stop(self) -> None:
        """Answer everybody at once, from now on."""
        self.stopping = True
        for hold in list(self._holds.values()):
            self._release(hold)

    def _fits(self, call: Call[Claim], handover: Handover) -> bool:
        return call.message.session == handover.session_id and self._is_good(call.token)

    def _enter(self, hold: _Hold) -> None:
        earlier = self._holds.get(hold.call.agent_id)
        if earlier is not None:
            self._release(earlier)
        self._holds[hold.call.agent_id] = hold

    def _look(self, hold: _Hold) -> None:
        if hold.asking:
            hold.stale = True
            return
        hold.asking, hold.stale = True, False
        try:
            asked = self._ask(hold.call)
        except Unavailable as error:
            self._refuse(hold, error)
        else:
            asked.add_done_callback(partial(self._told, hold))

    def _told(self, hold: _Hold, asked: "asyncio.Future[Claimed]") -> None:
        hold.asking = False
        if asked.cancelled() or hold.answer.done():
            return
        error = asked.exception()
        if error is not None:
            self._refuse(hold, error)
        else:
            self._weigh(hold, asked.result())

    def _weigh(self, hold: _Hold, told: Claimed) -> None:
        """Answer when this is news; a wish that was there from the start is none."""
        first = hold.seen is None
        changed = not first and told != hold.seen
        hold.seen = told
        if told.orders or told.directives.stop or changed or hold.over:
            hold.answer.set_result(told)
        elif hold.stale:
            self._look(hold)

    def _refuse(self, hold: _Hold, error: BaseException) -> None:
        hold.asking = False
        passing = isinstance(error, Unavailable) and hold.seen is not None
        if not passing and not hold.answer.done():
            hold.answer.set_exception(error)

    def _release(self, hold: _Hold) -> None:
        """Answer with what was last told; the first look is always waited for."""
        hold.over = True
        if hold.seen is not None and not hold.answer.done():
            hold.answer.set_result(hold.seen)
