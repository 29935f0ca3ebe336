"""Make what a new platform needs: an administrator, the default project and pool, tokens."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from k8s4r import clock
from k8s4r.audit import working_role
from pools.services import bootstrapping


class Command(BaseCommand):
    """Safe to repeat: files that hold something good stay, what is missing is made anew."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where secrets are kept; each file is made with mode 0600."""
        parser.add_argument("--admin-user", default="admin")
        parser.add_argument("--admin-password-file", type=Path, required=True)
        parser.add_argument("--api-token-file", type=Path, required=True)
        parser.add_argument("--enrolment-token-file", type=Path, required=True)
        parser.add_argument("--database-role", default="", help="made, and given what it needs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or repair each part in turn."""
        if options["database_role"]:
            working_role.ensure(options["database_role"])
        user, now = options["admin_user"], clock.now()
        pool = bootstrapping.default_pool(now=now)
        self._settle(options["admin_password_file"], lambda old: bootstrapping.admin(user, old))
        self._settle(
            options["api_token_file"], lambda old: bootstrapping.api_token(user, old, now=now)
        )
        self._settle(
            options["enrolment_token_file"],
            lambda old: bootstrapping.enrolment_token(pool, old, now=now),
        )

    def _settle(self, path: Path, good: Callable[[str], str]) -> None:
        """Write the file when what it holds is not good."""
        old = bootstrapping.kept(path)
        new = good(old)
        if new != old:
            bootstrapping.keep(path, new)
            self.stdout.write(f"wrote {path}")
