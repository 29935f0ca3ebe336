"""How is a plan kept until somebody decided about it, and handed to its apply?"""

import logging
import os

from agents.client.runner import plan_file, reports
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.outbox import Outbox
from agents.client.runner.slots import Slots
from agents.client.runner.spool import Spool
from agents.wire.messages import Order

logger = logging.getLogger(__name__)


class Holding:
    """Keeps attempts in the phase `HELD`: with their folder, their slot, and a word on disk."""

    def __init__(self, spool: Spool, slots: Slots, outbox: Outbox) -> None:
        self._spool = spool
        self._slots = slots
        self._outbox = outbox

    def hold(self, attempt: Attempt, report: reports.End) -> None:
        """Queue the end report of a plan, and keep everything else of it."""
        os.makedirs(self._spool.files(attempt.order).work, mode=0o700, exist_ok=True)
        self._spool.note(attempt, report)
        self._spool.kept(attempt)
        self._reserve(attempt)
        logger.info("plan_held", extra={"attempt": attempt.id, "task": attempt.order.task.id})

    def adopt(self, attempt: Attempt) -> bool:
        """Go on with what an earlier runner held; ``False``: its folder is gone, it is no plan."""
        if not os.path.isdir(self._spool.files(attempt.order).work):
            return False
        self._reserve(attempt)
        return True

    def refusal(self, order: Order, plan: Attempt | None) -> str:
        """Say why an apply cannot have this plan; empty when it is what was approved."""
        assert order.plan is not None
        if plan is None or plan.phase is not Phase.HELD or plan.order.slot != order.slot:
            return "the plan that was approved is not held here any more"
        return plan_file.changed(self._spool.files(order).work, order.plan.sha256)

    def _reserve(self, attempt: Attempt) -> None:
        attempt.phase = Phase.HELD
        self._slots.reserve(attempt.order.slot, attempt.id)
        self._outbox.offer(attempt)
