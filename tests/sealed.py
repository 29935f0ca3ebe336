"""Seals for tests: everything committed so far, whatever earlier tests left."""

from k8s4r import clock
from k8s4r.audit import sealing
from k8s4r.audit.models import AuditEvent, AuditSeal
from tests.waiting import wait_until


def seal_everything():
    """Seal all events there are.

    The test's own transactions have ended; those of other tests on the same server are waited for.
    """
    wait_until(everything_is_sealed)


def everything_is_sealed():
    """Seal what can be sealed now. Is anything left?"""
    sealing.seal(now=clock.now())
    newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return sealed_up_to() >= newest


def sealed_up_to():
    """Return the last id that is sealed, 0 before the first seal."""
    return AuditSeal.objects.order_by("-number").values_list("last_id", flat=True).first() or 0
