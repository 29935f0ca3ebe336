"""Does a runner use its slots as the orders said? How often it did not is a figure that stays 0."""

import logging
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from agents.models import Slot
from agents.wire.messages import Held
from executors.services.rows import Locked

logger: Final = logging.getLogger(__name__)


class _Count:
    """How many disagreements this process has seen."""

    def __init__(self) -> None:
        self.total = 0


_SEEN: Final = _Count()


def note(agent_id: UUID, held: Collection[Held], locked: Locked) -> None:
    """Compare the slots that a runner names with those of its current attempts."""
    said = {one.attempt: one.slot for one in held if one.slot is not None}
    ordered = {one.id: one.slot_id for one in locked.attempts.values() if one.id in said}
    if not ordered:
        return
    indexes = dict(Slot.objects.filter(pk__in=ordered.values()).values_list("pk", "index"))
    wrong = _wrong(said, {attempt: indexes[slot] for attempt, slot in ordered.items()})
    if wrong:
        _SEEN.total += len(wrong)
        logger.warning("slot_drift", extra={"agent": agent_id, "attempts": wrong})


def total() -> int:
    """Return how often a runner of this process's sessions named another slot than ordered."""
    return _SEEN.total


def _wrong(said: Mapping[UUID, int | None], ordered: Mapping[UUID, int]) -> list[str]:
    return [str(attempt) for attempt, index in ordered.items() if said[attempt] != index]
