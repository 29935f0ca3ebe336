"""How do secrets come under a new key, and when may the old one go?"""

from collections import Counter
from collections.abc import Mapping

from django.db import transaction

from executors.operating.models import NotificationTarget
from executors.operating.services import targets
from k8s4r.access.services import second_factor
from k8s4r.secrets import vault
from pools.services import configs


@transaction.atomic
def rekey() -> Mapping[str, int]:
    """Wrap every secret anew under the newest key; safe to repeat.

    Locks: the second factors, the K8s configs, then the targets, each by pk.

    Returns:
        How many secrets each key keeps now, by its id.

    Raises:
        CannotDecrypt: one is under a key that is not here; nothing has changed.
        Unavailable: there is no key.
    """
    envelope = vault.envelope()
    counts = Counter(second_factor.rewrap(envelope))
    counts.update(configs.rewrap(envelope))
    for row in NotificationTarget.objects.order_by("pk").select_for_update(of=("self",)):
        if not envelope.is_current(row.encrypted_url):
            row.encrypted_url = envelope.rewrap(row.encrypted_url, targets.place(row.pk))
            row.save(update_fields=["encrypted_url"])
        counts[row.encrypted_url.split(".")[1]] += 1
    return counts
