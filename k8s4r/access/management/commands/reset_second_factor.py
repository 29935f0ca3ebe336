"""Take the second factor of somebody who lost it away: the last way in, on the server itself."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from k8s4r import clock
from k8s4r.access.services import second_factor
from k8s4r.core.errors import DomainError


class Command(BaseCommand):
    """Every session of this person ends; the password alone signs in until they set one up."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The user name.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset it; the history says that it was done on the server."""
        name = str(options["name"])
        try:
            second_factor.reset_on_the_server(name, now=clock.now())
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{name} has no second factor any more; all their sessions have ended")
