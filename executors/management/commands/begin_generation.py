"""Tell a database that it was restored: once, before any server is started on it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from executors import conf
from executors.management.moments import moment
from executors.services import pulses, restoration
from executors.services.restoration import Restored
from k8s4r import clock


class Command(BaseCommand):
    """Work that may have gone on since the backup becomes unknown; queues are paused."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the moment of the backup."""
        parser.add_argument("--backup-at", help="when it was made, RFC 3339 with a zone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin the generation and say what a person has to look at."""
        backup_at = moment("--backup-at", options["backup_at"])
        if backup_at:
            pulses.beat(pulses.BACKUP, now=backup_at, policy=conf.leases())
        restored = restoration.begin_generation(now=clock.now(), backup_at=backup_at)
        for line in _report(restored):
            self.stdout.write(line)


def _report(restored: Restored) -> list[str]:
    lines = [f"this is generation {restored.generation} of the database"]
    if restored.unknown:
        lines.append(
            f"{restored.unknown} tasks are unknown until their agents come back or a person says "
            "how they ended: k8s4r get tasks --state unknown"
        )
    if restored.waiting:
        lines.append(
            f"{restored.waiting} tasks waited when the backup was made and may have run since; "
            f"these pools are paused until somebody has looked: {', '.join(restored.paused_pools)}"
        )
    return lines
