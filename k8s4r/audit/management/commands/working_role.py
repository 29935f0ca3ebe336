"""Make the role as which the platform works, and grant it what it needs.

Run as the owner of the tables (without ``K8S4R_DATABASE_ROLE``), after each ``migrate``.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from k8s4r.audit import working_role


class Command(BaseCommand):
    """Safe to repeat."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the role's name."""
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or complete the role."""
        working_role.ensure(options["name"])
