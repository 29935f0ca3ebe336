"""Print a link that signs somebody in once, without their password; for who runs the server."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from k8s4r.access.services import sign_in_links
from k8s4r.core.errors import DomainError


class Command(BaseCommand):
    """A second factor is asked for as ever."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take for whom it is."""
        parser.add_argument("name", nargs="?", default="admin", help="The user name.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the link alone, so that it can be passed on."""
        try:
            user_id, token = sign_in_links.make(str(options["name"]))
        except DomainError as error:
            raise CommandError(error.message) from error
        path = reverse("login_link", args=[user_id, token])
        self.stdout.write(f"{settings.ENV.url}{path}")
