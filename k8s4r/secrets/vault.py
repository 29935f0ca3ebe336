"""Which keys does this process have?"""

from typing import Final

from django.conf import settings

from k8s4r.core.errors import Unavailable
from k8s4r.secrets.envelope import Envelope, Key, key_from

ADVICE: Final = (
    "no key to keep secrets with: set K8S4R_ENCRYPTION_KEY_FILE, the same for web and worker"
)


def envelope() -> Envelope:
    """Return what encrypts and decrypts; the first key of the setting is the newest.

    Raises:
        Unavailable: no key is set, or one is too short; the message says what to do.
    """
    keys = _keys(settings.ENCRYPTION_KEY)
    if not keys:
        raise Unavailable(ADVICE, retry_after_s=60.0)
    return Envelope(keys)


def _keys(text: str) -> list[Key]:
    """Return the keys, one a line; the oldest stays until `manage.py rekey` says it may go."""
    try:
        return [key_from(line) for line in text.split()]
    except ValueError as error:
        raise Unavailable(f"K8S4R_ENCRYPTION_KEY: {error}", retry_after_s=60.0) from error
