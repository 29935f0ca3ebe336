"""How does a machine enrol itself, and in which pool does it work then?"""

from datetime import datetime

from django.db import transaction

from agents.services import registration
from agents.wire.messages import Register, Registered
from k8s4r.access.models import Token
from k8s4r.access.principals import Principal
from pools.services import joining


@transaction.atomic
def enrol(principal: Principal, message: Register, *, now: datetime) -> Registered:
    """Register the machine and make it a member of the pool that its token names.

    Locks: the enrolment token; then the pool and the new agent, which nobody else knows.

    Raises:
        Forbidden, Invalid, Conflict: as `registration.register` says.
    """
    registered = registration.register(principal, message, now=now)
    pool_id = Token.objects.values_list("pool_id", flat=True).get(pk=principal.token_id)
    if pool_id is not None:
        joining.join(pool_id, registered.id, now=now)
    return registered
