"""Bring every secret under the newest encryption key; the old one may go when it keeps none."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executors.operating.services import rekeying
from k8s4r.core.errors import DomainError
from k8s4r.secrets.envelope import CannotDecrypt


class Command(BaseCommand):
    """Put the new key first in K8S4R_ENCRYPTION_KEY, restart, run this, then drop the old one."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Wrap each secret anew and say how many each key keeps."""
        try:
            counts = rekeying.rekey()
        except (CannotDecrypt, DomainError) as error:
            raise CommandError(f"nothing has changed: {error}") from error
        for key_id, count in sorted(counts.items()):
            self.stdout.write(f"key {key_id}: {count} secrets")
        if not counts:
            self.stdout.write("there are no secrets")
