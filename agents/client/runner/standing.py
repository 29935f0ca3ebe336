"""What does this agent go by, and does anybody at its machine want no work for now?"""

import logging
from dataclasses import replace
from pathlib import Path

from agents.client import clock, logs
from agents.client.runner import descriptors, willingness
from agents.client.runner.work import Work
from agents.wire.settings import NotNow, Wanted

logger = logging.getLogger(__name__)


class Standing:
    """The settings that the runner applied last, and what the file of "not now" says."""

    def __init__(self, work: Work, not_now_file: Path | None = None) -> None:
        self.work = work
        self.settings_version = 0
        self.not_now: NotNow | None = None
        self._file = not_now_file

    def go_by(self, wanted: Wanted | None) -> None:
        """Apply what people want of this agent, each version once."""
        if wanted is None or wanted.version == self.settings_version:
            return
        self.settings_version = wanted.version
        self.work.offer(wanted.slots)
        descriptors.make_room(self.work.slots)
        self.work.machine = replace(self.work.machine, labels=wanted.labels)
        logger.info("settings_applied", extra={"version": wanted.version, "slots": self.work.slots})
        logs.set_level(wanted.log_level)

    def look(self) -> None:
        """Look whether somebody here wants no work; what runs goes on."""
        if self._file is None:
            return
        asked = willingness.look(self._file, wall_s=clock.wall())
        if asked == self.not_now:
            return
        self.not_now = asked
        self.work.unwilling = f"not now: {asked.reason}" if asked else None
        self.work.changed = True
        logger.info("agent_not_now", extra={"reason": asked.reason if asked else None})
