"""Agents come to be: made by a person, or enrolled by a token within its bounds."""

import pytest

from agents.models import Agent
from agents.services import registration
from agents.services.registration import NewAgent
from agents.wire.messages import Register
from executors.services import enrolment
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api import authentication
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict, Forbidden, Invalid
from pools.models import Membership
from tests.builders import NOON, a_pool, a_project, an_agent, seconds

pytestmark = pytest.mark.django_db
ALICE = Actor("user", "alice-id")


def an_enrolment(pool=None, **terms):
    minted = tokens.mint(
        TokenKind.ENROLMENT,
        Terms(lifetime=None, project=a_project(), pool_id=pool.pk if pool else None, **terms),
        now=NOON,
    )
    return Principal(kind=PrincipalKind.ENROLMENT, id=minted.token.pk, token_id=minted.token.pk)


def enrol(principal, name="robot-1", *, now=NOON, **fields):
    return enrolment.enrol(principal, Register(name=name, **fields), now=now)


def test_a_person_makes_an_agent_and_gets_a_token_that_works():
    new = NewAgent(project_id=a_project().pk, name="a", labels={"zone": "eu"})
    created = registration.create(new, actor=ALICE, now=NOON)
    agent, token = created.agent, created.token
    assert (agent.observed, agent.labels) == ("offline", {"zone": "eu"})
    principal = authentication.authenticate(token.text, now=NOON + seconds(1))
    assert (principal.kind, principal.id) == (PrincipalKind.AGENT, agent.pk)
    assert (token.token.expires_at - NOON).days == 365
    event = AuditEvent.objects.get(object_id=agent.pk)
    assert (event.actor_id, event.cause) == ("alice-id", "create_agent")


def test_a_taken_name_and_a_bad_label_are_refused():
    project = a_project().pk
    registration.create(NewAgent(project_id=project, name="a"), actor=ALICE, now=NOON)
    with pytest.raises(Conflict):
        registration.create(NewAgent(project_id=project, name="a"), actor=ALICE, now=NOON)
    with pytest.raises(Invalid):
        registration.create(
            NewAgent(project_id=project, name="b", labels={"no spaces": "x"}), actor=ALICE, now=NOON
        )


def test_a_machine_enrols_for_a_pool_and_may_begin():
    pool = a_pool(an_agent())
    registered = enrol(an_enrolment(pool), device_info={"os": "linux"})
    agent = Agent.objects.get(pk=registered.id)
    assert (registered.status, agent.observed) == ("offline", "offline")
    assert agent.device_info == {"os": "linux"}
    assert Membership.objects.filter(pool=pool, agent=agent).exists()
    assert authentication.authenticate(registered.token, now=NOON).id == agent.pk


def test_a_machine_that_enrols_for_a_dynamic_pool_gets_its_labels():
    pool = a_pool(required_labels={"gpu": "yes"})
    registered = enrol(an_enrolment(pool), labels={"gpu": "no", "mine": "x"})
    assert Agent.objects.get(pk=registered.id).labels == {"gpu": "yes"}


def test_nobody_joins_a_pool_of_another_project():
    foreign = a_pool(an_agent(), project=a_project("other"))
    registered = enrol(an_enrolment(foreign))
    assert not Membership.objects.filter(agent=registered.id).exists()


def test_without_a_pool_it_waits_for_approval():
    registered = enrol(an_enrolment())
    assert registered.status == "pending"


def test_labels_count_as_far_as_the_token_allows():
    principal = an_enrolment(label_keys=["zone"])
    registered = enrol(principal, labels={"zone": "eu", "tier": "gold"})
    agent = Agent.objects.get(pk=registered.id)
    assert agent.labels == {"zone": "eu"}
    assert agent.metadata["asked_labels"] == {"zone": "eu", "tier": "gold"}


def test_a_token_may_allow_any_label():
    registered = enrol(an_enrolment(label_keys=["*"]), labels={"zone": "eu", "tier": "gold"})
    assert Agent.objects.get(pk=registered.id).labels == {"zone": "eu", "tier": "gold"}


def test_a_token_is_used_up():
    principal = an_enrolment(max_uses=1)
    enrol(principal, "one")
    with pytest.raises(Forbidden):
        enrol(principal, "two")
    assert Token.objects.get(pk=principal.token_id).uses == 1
    assert not Agent.objects.filter(name="two").exists()


def test_the_same_name_again_is_the_same_agent_until_a_runner_had_it():
    principal = an_enrolment(max_uses=1)
    first = enrol(principal)
    second = enrol(principal, now=NOON + seconds(5))
    assert first.id == second.id
    assert authentication.authenticate(first.token, now=NOON + seconds(6)) is None
    assert authentication.authenticate(second.token, now=NOON + seconds(6)).id == first.id


def test_a_name_that_a_runner_has_is_taken():
    agent = an_agent("robot-1")
    principal = an_enrolment()
    Agent.objects.filter(pk=agent.pk).update(metadata={"enrolment": str(principal.token_id)})
    with pytest.raises(Conflict):
        enrol(principal)
    assert Token.objects.get(pk=principal.token_id).uses == 0


def test_another_enrolment_cannot_take_a_name():
    enrol(an_enrolment())
    with pytest.raises(Conflict):
        enrol(an_enrolment())


def test_only_enrolments_enrol():
    principal = Principal(kind=PrincipalKind.PERSON, id=a_project().pk, token_id=a_project().pk)
    with pytest.raises(Forbidden):
        enrol(principal)
