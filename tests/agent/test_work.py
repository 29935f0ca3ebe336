"""What becomes of orders that begin together?"""

from dataclasses import dataclass, field
from uuid import uuid4

import msgspec

from agents.client.drivers.base import End, Place, Start
from agents.client.runner.lease import LeaseTerms
from agents.client.runner.machine import Machine
from agents.client.runner.outbox import Outbox
from agents.client.runner.spool import Spool
from agents.client.runner.starters import THREADS
from agents.client.runner.work import Work
from agents.wire.messages import Finished, Order, Report, Stopped
from tests.agent.words import make_order

SLOTS = 20


@dataclass
class HandClock:
    at: float = 0.0
    base: float = 0.0

    def now(self) -> float:
        return self.at


@dataclass
class SleepyDriver:
    """The machine goes to sleep for a long time in its first start."""

    clock: HandClock
    begun: list[Order] = field(default_factory=list)
    name: str = "exec"

    def prepare(self, order: Order, place: Place) -> Start | End:
        def start() -> End:
            self.begun.append(order)
            self.clock.at = 1_000.0
            return End(exit_code=0)

        return start


def test_a_group_of_starts_ends_where_the_lease_does(spool: Spool):
    clock = HandClock()
    driver = SleepyDriver(clock)
    machine = Machine(
        name="sleepy",
        url="http://localhost",
        session=uuid4(),
        slots=SLOTS,
        drivers={"exec": driver},
        terms=LeaseTerms(),
    )
    work = Work(machine, spool, Outbox(spool), clock)
    work.heard_at = clock.now()
    work.take([make_order(slot=slot) for slot in range(SLOTS)])
    work.start_waiting()
    # What another thread was about to start in that moment may have begun.
    assert 1 <= len(driver.begun) <= THREADS
    ends = [attempt.entries[-1][0] for attempt in work.held.values()]
    said = [msgspec.json.decode(one.body, type=Report) for one in ends]
    assert sum(isinstance(one, Finished) for one in said) == len(driver.begun)
    stopped = [one.reason for one in said if isinstance(one, Stopped)]
    assert stopped == ["disconnected"] * (SLOTS - len(driver.begun))
