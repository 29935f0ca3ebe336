"""What becomes of a plan that was made? It is stored with the server, then it ends or is held.

    process ended well --a plan lies there--> storing --stored--> ended, or held until a decision
                       |--none----------------------------------> the same

A held plan keeps its folder and its slot, over restarts of the link and of the runner: it is on
disk. Nothing of it runs, so no lease ends it.
"""

import logging
from collections.abc import Callable
from typing import Final
from uuid import UUID

from agents.client import seam
from agents.client.drivers.base import End
from agents.client.runner import plan_file, reports
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.plan_file import NotStorable
from agents.client.runner.work import Work
from agents.wire.orders import PLAN, PLAN_ARTIFACT

logger = logging.getLogger(__name__)

NOT_STORED: Final = "plan_not_stored"


class Plans:
    """Follows plans from the end of their process on; ``send`` hands a frame to the link."""

    def __init__(self, work: Work, send: Callable[[seam.Frame], None]) -> None:
        self._work = work
        self._send = send

    def made(self, attempt: Attempt, end: End) -> None:
        """Take over an attempt whose process has planned; its output is all reported."""
        attempt.end = end
        try:
            plan = plan_file.of(self._work.spool.files(attempt.order).work)
        except NotStorable as error:
            self._refused(attempt, str(error))
            return
        if plan is None:
            self._settle(attempt)
            return
        attempt.phase, attempt.plan = Phase.STORING, plan
        self._work.changed = True
        self._send(_upload(attempt, plan))

    def uploads(self) -> list[seam.Frame]:
        """Return what a new link has to store."""
        return [
            _upload(attempt, attempt.plan)
            for attempt in self._work.held.values()
            if attempt.phase is Phase.STORING and attempt.plan is not None
        ]

    def stored(self, attempt_id: UUID, refusal: str) -> None:
        """Go on with a plan that the server has, or does not take."""
        attempt = self._work.held.get(attempt_id)
        if attempt is None or attempt.phase is not Phase.STORING:
            return
        if refusal:
            self._refused(attempt, refusal)
        else:
            self._settle(attempt)

    def _settle(self, attempt: Attempt) -> None:
        assert attempt.end is not None
        report = reports.finished(attempt, attempt.end, at=self._work.clock.now())
        if attempt.makes_plan_to_apply:
            self._work.holding.hold(attempt, report)
            self._work.changed = True
        else:
            self._work.end(attempt, report)

    def _refused(self, attempt: Attempt, why: str) -> None:
        """End as failed: nobody could look at this plan, or have it applied as it was."""
        end = End(None, signal_reason=NOT_STORED, message=why)
        logger.warning("plan_not_stored", extra={"attempt": attempt.id, "why": why})
        self._work.end(attempt, reports.finished(attempt, end, at=self._work.clock.now()))


def is_plan(attempt: Attempt) -> bool:
    """Does this attempt make a plan?"""
    return attempt.order.task.phase == PLAN


def _upload(attempt: Attempt, plan: plan_file.PlanFile) -> seam.Upload:
    return seam.Upload(
        attempt=attempt.id,
        token=attempt.order.token,
        name=PLAN_ARTIFACT,
        path=plan.path,
        sha256=plan.sha256,
        size_bytes=plan.size_bytes,
    )
