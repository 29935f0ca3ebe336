"""Hellos in the same instant: one life has one owner."""

import pytest

from agents.core.sessions import SessionSuperseded
from agents.models import Session
from agents.wire.messages import OpenSession
from executors.core.leases import LeasePolicy
from executors.services import sessions
from k8s4r import clock
from tests.builders import NOON, an_agent
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)


def opens(agent, session):
    message = OpenSession(session=session, boot_id="b", sent_at=1.0, slots=1, drivers=["noop"])
    try:
        sessions.open(agent.pk, message, now=NOON, policy=LeasePolicy())
    except SessionSuperseded:
        return False
    return True


@pytest.mark.parametrize("repetition", range(5))
def test_a_session_that_two_agents_claim_at_once_is_one_agents(repetition):
    agents = [an_agent() for _ in range(8)]
    session = clock.new_id()
    opened = race(*times(8, lambda number: opens(agents[number], session)))
    assert sum(opened) == 1
    assert Session.objects.get(pk=session).agent == agents[opened.index(True)]
