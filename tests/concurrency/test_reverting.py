"""A change that is taken back by two at once is taken back once, and a change in between counts."""

import pytest

from executors.services import reverting
from executors.services.reverting import Revert
from k8s4r import clock
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict
from k8s4r.core.roles import EVERYTHING
from pools.models import Pool
from pools.services import pools
from tests.builders import a_pool, a_user
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_eight_that_take_back_a_change_at_once_one_does():
    alice = a_user()
    who = Principal(kind=PrincipalKind.PERSON, id=alice.pk, token_id=alice.pk, rights=EVERYTHING)
    pool = a_pool(name="fast", max_concurrent=5)
    pools.change(pool.pk, {"max_concurrent": 50}, principal=who, now=clock.now())
    event = AuditEvent.objects.latest("id")
    wanted = Revert(kind="pool", object_id=pool.pk, event_id=event.pk)

    def take_back(_):
        try:
            return reverting.revert(wanted, principal=who, now=clock.now())
        except Conflict:
            return None

    done = race(*times(8, take_back))

    assert [each for each in done if each] == [{"max_concurrent": (50, 5)}]
    assert AuditEvent.objects.filter(object_id=pool.pk, cause="reverted").count() == 1
    assert Pool.objects.get(pk=pool.pk).max_concurrent == 5
