"""Of many who come by the same link at once one is let in."""

import pytest

from k8s4r import clock
from k8s4r.access.services import sign_in_links
from tests.builders import a_user
from tests.concurrency.racing import race, times


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_come_by_one_link_at_once_one_is_let_in():
    user = a_user("ann", is_staff=True)
    user_id, token = sign_in_links.make("ann")
    let_in = race(*times(8, lambda _: sign_in_links.spend(user_id, token, now=clock.now())))
    assert [one.pk for one in let_in if one] == [user.pk]
