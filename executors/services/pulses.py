"""Since when has the control plane itself been up? Expiry judges nobody by an earlier time."""

from datetime import datetime
from typing import Final

from executors.core import leases
from executors.core.leases import LeasePolicy, PulseSource
from executors.models import Pulse
from k8s4r import database

# Not parts of ours, and with the same question: when was it last?
BACKUP: Final = "backup"
AUDIT_SEAL: Final = "audit_seal"

# `leases.beat` as one atomic statement: processes of one kind share a row and may beat together.
_BEAT: Final = """
INSERT INTO executors_pulse AS pulse (source, seen_at, steady_since)
VALUES (%(source)s, %(now)s, %(now)s)
ON CONFLICT (source) DO UPDATE SET
    seen_at = greatest(pulse.seen_at, excluded.seen_at),
    steady_since = CASE WHEN excluded.seen_at - pulse.seen_at > %(gap)s THEN excluded.seen_at
                        ELSE pulse.steady_since END
"""


def beat(source: str, *, now: datetime, policy: LeasePolicy) -> None:
    """Record that this part works; after a gap it counts as steady only from now on.

    ``source`` is a `PulseSource`, the name of a queue's canary, or one of the names above.
    """
    database.run(_BEAT, {"source": str(source), "now": now, "gap": policy.outage_gap})


def steady_since(*, now: datetime, policy: LeasePolicy) -> datetime | None:
    """Return since when silence has a meaning; ``None``: a part is away, nothing may expire."""
    ours = Pulse.objects.filter(source__in=[str(source) for source in PulseSource])
    pulses = [leases.Pulse(PulseSource(row.source), row.seen_at, row.steady_since) for row in ours]
    return leases.steady_since(pulses, now=now, policy=policy)
