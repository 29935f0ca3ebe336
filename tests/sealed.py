"""Seals for tests: everything committed so far, whatever earlier tests left."""

from k8s4r import clock
from k8s4r.audit import sealing
from k8s4r.audit.models import AuditEvent, AuditSeal


def seal_everything():
    """Seal all events there are; the test's own transactions have ended."""
    for _ in range(20):
        sealing.seal(now=clock.now())
        newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
        if sealed_up_to() >= newest:
            return
    raise AssertionError("events are left that cannot be sealed")


def sealed_up_to():
    """Return the last id that is sealed, 0 before the first seal."""
    return AuditSeal.objects.order_by("-number").values_list("last_id", flat=True).first() or 0
