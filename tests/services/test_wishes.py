"""What people want of an agent: who hears of it, and what it ends."""

import pytest

from agents.core.states import Desired
from agents.services import wishes
from executors import wakeups
from executors.core.lifecycle import AttemptState
from executors.services import dispatch
from k8s4r import clock
from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api import authentication
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import IllegalTransition, NotFound
from tests.builders import (
    NOON,
    a_pod_pool,
    a_pool,
    a_ready_pod,
    a_task,
    an_agent,
    an_attempt,
    seconds,
    state_of,
)

pytestmark = pytest.mark.django_db
ALICE = Actor("user", "alice-id")


def wish(agent, desired, now=NOON):
    return wishes.set_desired(agent.pk, desired, actor=ALICE, now=now)


def run_pass(pool):
    return dispatch.run_pass(pool.pk, now=NOON, aging_weight_s=60).placed


@pytest.mark.parametrize("desired", [Desired.PAUSED, Desired.DRAINING, Desired.REVOKED])
def test_only_an_active_agent_gets_work(desired):
    agent = an_agent()
    pool = a_pool(agent)
    a_task(pool)
    wish(agent, desired)
    assert run_pass(pool) == 0


def test_a_resumed_agent_gets_work_again():
    agent = an_agent(desired="draining")
    pool = a_pool(agent)
    a_task(pool)
    wish(agent, Desired.ACTIVE)
    assert run_pass(pool) == 1


@pytest.mark.parametrize("desired", [Desired.ACTIVE, Desired.PAUSED])
def test_an_agent_whose_pod_goes_never_comes_back(desired):
    pod = a_ready_pod(a_pod_pool())
    wish(pod.agent, Desired.DRAINING)
    with pytest.raises(IllegalTransition):
        wish(pod.agent, desired)
    wish(pod.agent, Desired.REVOKED)


def test_history_says_who_wished_it_and_asking_twice_is_one_event():
    agent = an_agent()
    wish(agent, Desired.DRAINING)
    wish(agent, Desired.DRAINING)
    event = AuditEvent.objects.get(object_id=agent.pk, cause="drain")
    assert event.actor_id == "alice-id"
    assert event.detail["changes"] == {"desired": ["active", "draining"]}


def test_what_runs_goes_on_while_draining():
    agent = an_agent()
    attempt = an_attempt(a_task(a_pool(agent)), agent, state="running")
    wish(agent, Desired.DRAINING)
    assert state_of(attempt) == AttemptState.RUNNING


def test_revoking_ends_every_token_and_cannot_be_undone():
    agent = an_agent()
    terms = Terms(lifetime=seconds(60), subject=agent.pk, project_id=agent.project_id)
    minted = tokens.mint(TokenKind.AGENT, terms, now=NOON)
    wish(agent, Desired.REVOKED)
    assert authentication.authenticate(minted.text, now=NOON) is None
    with pytest.raises(IllegalTransition):
        wish(agent, Desired.ACTIVE)


def test_an_archived_agents_name_is_free_and_nobody_finds_it():
    agent = an_agent("old")
    wishes.archive(agent.pk, actor=ALICE, now=NOON)
    with pytest.raises(NotFound):
        wish(agent, Desired.ACTIVE)
    assert an_agent("old").pk != agent.pk


def test_an_approved_agent_waits_for_its_next_word():
    agent = an_agent(observed="pending")
    assert wishes.approve(agent.pk, actor=ALICE, now=NOON).observed == "offline"
    online = an_agent()
    assert wishes.approve(online.pk, actor=ALICE, now=NOON).observed == "online"


def test_an_agent_that_does_not_exist_is_not_found():
    with pytest.raises(NotFound):
        wishes.approve(clock.new_id(), actor=ALICE, now=NOON)


def test_the_agent_and_the_tasks_it_may_take_hear_of_it(django_capture_on_commit_callbacks):
    agent = an_agent(desired="paused")
    pool = a_pool(agent)
    a_task(pool)
    heard = []
    wakeups.LISTENERS.add(heard.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            wish(agent, Desired.ACTIVE)
    finally:
        wakeups.LISTENERS.remove(heard.append)
    assert {one for news in heard for one in news.agents} == {agent.pk}
    assert {one for news in heard for one in news.pools} == {pool.pk}
