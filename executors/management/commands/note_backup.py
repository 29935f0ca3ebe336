"""Note that a backup was made, so that its age is known: for `/metrics`, alerts and `doctor`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from executors import conf
from executors.management.moments import moment
from executors.services import pulses
from k8s4r import clock


class Command(BaseCommand):
    """`k8s4r backup` does it by itself; for a PostgreSQL of yours, your own script does."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the moment of the backup."""
        parser.add_argument("--made-at", help="when, RFC 3339 with a zone; now unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Note it; an older one than is known changes nothing."""
        made_at = moment("--made-at", options["made_at"]) or clock.now()
        pulses.beat(pulses.BACKUP, now=made_at, policy=conf.leases())
        self.stdout.write(f"noted: a backup of {made_at.isoformat()}")
