from datetime import timedelta

import pytest

from agents.core.tokens import AGENT_TOKEN_LIFETIME
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.principals import CACHE, Principal, PrincipalKind, TokenCache
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api import authentication
from k8s4r.clock import new_id
from k8s4r.core.roles import EVERYTHING, NOTHING
from tests.builders import a_project, an_admin, an_agent

pytestmark = pytest.mark.django_db


def an_agent_token(now, **fields):
    agent = fields.pop("agent", None) or an_agent()
    terms = Terms(lifetime=AGENT_TOKEN_LIFETIME, subject=agent.pk, project=agent.project, **fields)
    return tokens.mint(TokenKind.AGENT, terms, now=now)


def whose(text, now):
    """Ask the database, not the memory of a moment ago."""
    CACHE.forget(Token.objects.values_list("pk", flat=True))
    return authentication.authenticate(text, now=now)


def test_only_a_digest_of_a_token_is_stored_and_its_repr_is_silent(now):
    minted = an_agent_token(now)
    secret = minted.text.split("_", 2)[2]
    assert secret.encode() not in bytes(minted.token.digest)
    assert len(bytes(minted.token.digest)) == 32
    assert secret not in repr(minted)
    assert minted.text.startswith(f"agt_{minted.token.key_id}_")


def test_a_token_says_who_its_bearer_is(now):
    agent, user = an_agent(), an_admin()
    of_agent = an_agent_token(now, agent=agent)
    of_user = tokens.mint(TokenKind.PERSON, Terms(lifetime=None, user=user), now=now)
    enrolment = tokens.mint(
        TokenKind.ENROLMENT, Terms(lifetime=None, project=a_project("default")), now=now
    )
    first, second, third = authentication.authenticate_many(
        [of_agent.text, of_user.text, enrolment.text], now=now
    )
    assert (first.kind, first.id, first.rights) == ("agent", agent.pk, NOTHING)
    assert (second.kind, second.id, second.rights) == ("person", user.pk, EVERYTHING)
    assert (third.kind, third.id) == ("enrolment", enrolment.token.pk)
    assert second.actor.kind == "user"


def test_many_tokens_cost_one_look_up_and_then_none(now, django_assert_max_num_queries):
    texts = [an_agent_token(now).text for _ in range(20)]
    Token.objects.update(used_at=now)
    with django_assert_max_num_queries(1):
        found = authentication.authenticate_many(texts, now=now)
    with django_assert_max_num_queries(0):
        assert authentication.authenticate_many(texts, now=now) == found
    assert None not in found


def test_a_token_is_good_until_the_very_moment_it_expires(now):
    minted = an_agent_token(now)
    end = minted.token.expires_at
    assert whose(minted.text, end - timedelta(microseconds=1)) is not None
    assert whose(minted.text, end) is None


def test_a_token_of_another_kind_with_the_same_key_is_refused(now):
    minted = an_agent_token(now)
    Token.objects.filter(pk=minted.token.pk).update(kind="pat")
    assert whose(minted.text, now) is None


def test_use_is_noted_but_not_at_every_call(now):
    minted = an_agent_token(now)
    for minutes, noted in ((0, 0), (9, 0), (10, 10), (15, 10)):
        whose(minted.text, now + timedelta(minutes=minutes))
        row = Token.objects.get(pk=minted.token.pk)
        assert row.used_at == now + timedelta(minutes=noted)


def test_a_flagged_token_gets_a_successor_and_lives_until_that_is_used(now):
    old = an_agent_token(now)
    tokens.flag_rotation(old.token.subject, now=now)
    assert whose(old.text, now).rotating
    made = tokens.rotate([old.token.pk], now=now)
    new = made[old.token.pk]
    assert whose(old.text, now) is not None
    assert whose(new.text, now).id == old.token.subject
    assert not whose(new.text, now).rotating
    assert whose(old.text, now) is None


def test_a_successor_that_was_lost_on_the_way_is_replaced(now):
    old = an_agent_token(now)
    tokens.flag_rotation(old.token.subject, now=now)
    lost = tokens.rotate([old.token.pk], now=now)[old.token.pk]
    again = tokens.rotate([old.token.pk], now=now)[old.token.pk]
    assert whose(lost.text, now) is None
    assert whose(again.text, now) is not None


def test_a_token_nobody_flagged_is_not_rotated(now):
    old = an_agent_token(now)
    assert tokens.rotate([old.token.pk], now=now) == {}


def test_rotating_many_tokens_costs_a_constant_number_of_statements(
    now, django_assert_max_num_queries
):
    ids = [an_agent_token(now).token.pk for _ in range(20)]
    Token.objects.update(rotating=True)
    with django_assert_max_num_queries(9):
        assert len(tokens.rotate(ids, now=now)) == 20


def test_revoking_ends_every_token_of_an_agent_once(now):
    agent = an_agent()
    texts = [an_agent_token(now, agent=agent).text for _ in range(3)]
    other = an_agent_token(now)
    assert tokens.revoke_agent(agent.pk, now=now) == 3
    assert tokens.revoke_agent(agent.pk, now=now) == 0
    assert [whose(text, now) for text in texts] == [None] * 3
    assert whose(other.text, now) is not None


@pytest.fixture
def principal():
    return Principal(kind=PrincipalKind.PERSON, id=new_id(), token_id=new_id())


def test_a_token_is_remembered_for_five_seconds_and_no_longer(principal):
    time = [100.0]
    memory = TokenCache(monotonic=lambda: time[0])
    memory.remember("text", principal)
    time[0] = 104.999
    assert memory.find("text") == principal
    time[0] = 105.0
    assert memory.find("text") is None


def test_a_token_is_forgotten_at_once(principal):
    memory = TokenCache()
    memory.remember("one", principal)
    memory.forget([principal.token_id])
    assert memory.find("one") is None


def test_the_memory_of_tokens_is_bounded(principal):
    memory = TokenCache(most=10)
    for number in range(25):
        memory.remember(str(number), principal)
    assert sum(memory.find(str(number)) is not None for number in range(25)) <= 10
    assert memory.find("24") == principal
