"""Each kind of change of settings leaves one event, with old and new values and no secret."""

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from agents.core.states import Desired
from agents.models import Agent
from agents.services import editing, registration, wishes
from agents.services.registration import NewAgent
from k8s4r import database
from k8s4r.access.models import Project, Token, TokenKind, User
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.access.services import members, tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from k8s4r.core.roles import EVERYTHING, Role
from pools.models import Membership, Pool
from pools.services import founding, joining, pools
from tests.builders import NOON, a_pool, a_project, a_task, a_user, an_agent, seconds

pytestmark = pytest.mark.django_db

ALICE = Actor("user", "alice")


def principal(user):
    return Principal(kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, rights=EVERYTHING)


def events_of(act):
    """Return the events that the act leaves, oldest first."""
    last = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    act()
    return list(AuditEvent.objects.filter(id__gt=last).order_by("id"))


def only(act):
    (event,) = events_of(act)
    return event


def told(event):
    return (event.object_type, event.from_state, event.to_state, event.cause)


class TestPools:
    def test_made(self):
        project = a_project()
        event = only(lambda: pools.create("fast", project=project, now=NOON, actor=ALICE))
        assert told(event) == ("pool", "", "active", "create_pool")
        assert (event.project_id, event.at) == (project.pk, NOON)
        assert event.detail["changes"]["name"] == [None, "fast"]

    def test_changed_with_old_and_new_values_and_nothing_else(self):
        pool, alice = a_pool(name="fast", max_concurrent=5), a_user()
        changes = {"max_concurrent": 50, "paused": False}
        event = only(lambda: pools.change(pool.pk, changes, principal=principal(alice), now=NOON))
        assert told(event) == ("pool", "active", "active", "change_pool")
        assert (event.actor_kind, event.actor_id) == ("user", str(alice.pk))
        assert event.object_id == pool.pk
        assert event.detail == {"changes": {"max_concurrent": [5, 50]}}

    def test_archived(self):
        pool, who = a_pool(name="fast"), principal(a_user())
        event = only(lambda: pools.archive(pool.pk, principal=who, now=NOON))
        assert told(event) == ("pool", "active", "archived", "archive_pool")
        assert list(event.detail["changes"]) == ["archived_at"]

    def test_members_added_and_removed_are_told_with_their_pool(self):
        agent, other = an_agent(), an_agent()
        pool, who = a_pool(other, name="fast"), principal(a_user())
        added = only(lambda: pools.add_agents(pool.pk, [agent.pk], principal=who, now=NOON))
        removed = only(lambda: pools.remove_agent(pool.pk, agent.pk, principal=who))
        assert told(added) == ("pool_member", "", "active", "add_agents")
        assert told(removed) == ("pool_member", "active", "deleted", "remove_agent")
        assert added.object_id == removed.object_id == pool.pk
        assert removed.detail["changes"] == {"agent_id": [str(agent.pk), None]}
        assert removed.project_id == pool.project_id

    def test_bookkeeping_of_a_dispatch_pass_is_no_change(self):
        pool = a_pool()
        assert events_of(lambda: Pool.objects.filter(pk=pool.pk).update(passes=7)) == []

    def test_deleted_by_hand(self):
        pool = a_pool(name="fast", max_concurrent=5)
        event = only(lambda: database.run("DELETE FROM pools_pool WHERE id = %s", [pool.pk]))
        assert told(event)[:3] == ("pool", "active", "deleted")
        assert event.detail["changes"]["max_concurrent"] == [5, None]


class TestAgents:
    def test_made_with_its_token(self):
        new = NewAgent(project_id=a_project().pk, name="web-1")
        made = events_of(lambda: registration.create(new, actor=ALICE, now=NOON))
        assert [told(event) for event in made] == [
            ("agent", "", "offline", "create_agent"),
            ("token", "", "active", "create_agent"),
        ]

    @pytest.mark.parametrize(
        ("column", "before", "after"),
        [
            ("labels", {}, {"zone": "a"}),
            ("name", "web-1", "web-2"),
            ("description", "", "under the desk"),
            ("metadata", {}, {"rack": 4}),
        ],
    )
    def test_a_setting_changed(self, column, before, after):
        agent = an_agent("web-1")
        event = only(lambda: editing.change(agent.pk, {column: after}, actor=ALICE, now=NOON))
        assert told(event) == ("agent", "online", "online", "change_agent")
        assert event.detail["changes"] == {column: [before, after]}

    def test_drained(self):
        agent = an_agent()
        event = only(lambda: wishes.set_desired(agent.pk, Desired.DRAINING, actor=ALICE, now=NOON))
        assert event.detail["changes"] == {"desired": ["active", "draining"]}

    def test_archived_leaves_one_event_for_the_agent_and_one_for_its_token(self):
        agent = an_agent()
        terms = Terms(lifetime=None, subject=agent.pk, project=agent.project)
        tokens.mint(TokenKind.AGENT, terms, now=NOON)
        left = events_of(lambda: wishes.archive(agent.pk, actor=ALICE, now=NOON))
        assert [event.object_type for event in left] == ["agent", "token"]
        assert {event.cause for event in left} == {"archive"}

    def test_which_agent_was_served_last_is_no_change(self):
        agent = an_agent()
        rows = Agent.objects.filter(pk=agent.pk)
        assert events_of(lambda: rows.update(last_assigned_at=NOON, device_info={"a": 1})) == []

    def test_joining_by_labels(self):
        agent, pool = an_agent(), a_pool(required_labels={"gpu": "yes"})
        event = only(lambda: joining.join(pool.pk, agent.pk, now=NOON))
        assert event.detail["changes"] == {"labels": [{}, {"gpu": "yes"}]}

    def test_an_event_of_many_agents_names_each_as_its_actor(self):
        agents = [an_agent(), an_agent()]

        def move():
            attribution.attribute(attribution.AGENTS, cause="heartbeat")
            Agent.objects.all().update(observed="error", changed_at=NOON + seconds(1))

        left = events_of(move)
        assert {event.actor_id for event in left} == {str(agent.pk) for agent in agents}
        assert {(event.object_id, event.actor_id) for event in left} == {
            (agent.pk, str(agent.pk)) for agent in agents
        }


class TestProjects:
    def test_made_with_its_pool(self):
        made = events_of(lambda: founding.found("one", actor=ALICE, now=NOON))
        assert [told(event) for event in made] == [
            ("project", "", "active", "create_project"),
            ("pool", "", "active", "create_project"),
        ]
        assert {event.project_id for event in made} == {made[0].object_id}

    def test_changed(self):
        project = a_project()
        event = only(lambda: Project.objects.filter(pk=project.pk).update(weight=2))
        assert event.detail["changes"] == {"weight": [1, 2]}


class TestUsers:
    def test_a_password_that_changes_is_told_and_not_shown(self):
        user = a_user()
        user.set_password("correct horse battery staple")
        event = only(lambda: user.save(update_fields=["password"]))
        assert event.detail["changes"] == {"password": ["(hidden)", "(hidden)"]}

    def test_made_changed_and_deleted_without_a_trace_of_the_password(self):
        made = events_of(lambda: User.objects.create_user("eve", password="swordfish-1234"))
        user = User.objects.get(username="eve")
        changed = events_of(lambda: User.objects.filter(pk=user.pk).update(is_active=False))
        gone = events_of(user.delete)
        assert [told(e)[:3] for e in made + changed + gone] == [
            ("user", "", "active"),
            ("user", "active", "inactive"),
            ("user", "inactive", "deleted"),
        ]
        said = json.dumps([event.detail for event in made + changed + gone])
        assert "password" not in said
        assert user.password not in said

    def test_a_login_is_no_change(self):
        user = a_user()
        assert events_of(lambda: User.objects.filter(pk=user.pk).update(last_login=NOON)) == []

    def test_groups_and_their_permissions(self):
        user = a_user()
        group = only(lambda: Group.objects.create(name="night shift"))
        joined = only(lambda: user.groups.add(Group.objects.get()))
        kind = ContentType.objects.create(app_label="nights", model="shift")
        named = {"content_type": kind, "codename": "walk", "name": "Walk at night"}
        permission = Permission.objects.create(**named)
        granted = only(lambda: Group.objects.get().permissions.add(permission))
        assert [e.object_type for e in (group, joined, granted)] == [
            "group", "user_group", "group_permission",
        ]  # fmt: skip
        assert joined.object_id == user.pk
        assert granted.object_id == group.object_id


class TestRoles:
    def test_given_and_taken_are_told_with_their_person(self):
        project, bob, who = a_project(), a_user("bob"), principal(a_user())
        given = only(lambda: members.give(project, "bob", [Role.VIEWER], by=who, now=NOON))
        taken = only(lambda: members.take(project, "bob", by=who))
        assert told(given) == ("role", "", "active", "give_roles")
        assert told(taken) == ("role", "active", "deleted", "take_roles")
        assert given.object_id == taken.object_id == bob.pk
        assert taken.project_id == project.pk
        assert taken.detail["changes"]["role"] == ["viewer", None]


class TestTokens:
    def minted(self, **terms):
        made = {"lifetime": None, "project": a_project(), **terms}
        return tokens.mint(TokenKind.ENROLMENT, Terms(**made), now=NOON, actor=ALICE)

    def test_made_without_its_digest(self):
        a_project()
        event = only(self.minted)
        assert told(event) == ("token", "", "active", "make_token")
        assert "digest" not in event.detail["changes"]
        assert bytes(Token.objects.get().digest).hex() not in json.dumps(event.detail)

    def test_revoked(self):
        token = self.minted().token
        event = only(lambda: tokens.revoke([token.pk], now=NOON, actor=ALICE))
        assert told(event) == ("token", "active", "revoked", "revoke_token")

    def test_used_up(self):
        token = self.minted(max_uses=1).token
        event = only(lambda: Token.objects.filter(pk=token.pk).update(uses=1))
        assert told(event)[:3] == ("token", "active", "used_up")
        assert event.detail["changes"] == {"uses": [0, 1]}

    def test_used_is_no_change(self):
        token = self.minted().token
        rows = Token.objects.filter(pk=token.pk)
        assert events_of(lambda: rows.update(used_at=NOON)) == []

    def test_rotated(self):
        agent = an_agent()
        terms = Terms(lifetime=None, subject=agent.pk, project=agent.project)
        old = tokens.mint(TokenKind.AGENT, terms, now=NOON).token
        asked = only(lambda: editing.rotate_token(agent.pk, actor=ALICE, now=NOON))
        heir = only(lambda: tokens.rotate([old.pk], now=NOON))
        assert told(asked) == ("token", "active", "rotating", "rotate_token")
        assert told(heir) == ("token", "", "active", "rotate_token")
        assert (heir.actor_kind, heir.actor_id) == ("agent", str(agent.pk))
        assert heir.detail["changes"]["supersedes_id"] == [None, str(old.pk)]


def test_a_deleted_task_leaves_a_last_event_without_its_values():
    task = a_task(a_pool(), state="completed")
    event = only(lambda: database.run("DELETE FROM executors_task WHERE id = %s", [task.pk]))
    assert told(event)[:3] == ("task", "completed", "deleted")
    assert event.detail == {"changes": {}}


def test_each_row_of_one_statement_leaves_its_event():
    agents = [an_agent() for _ in range(5)]
    pool = a_pool(*agents)
    rows = Membership.objects.filter(pool=pool)
    assert len(events_of(rows.delete)) == 5


def test_an_event_names_the_token_and_the_address_of_its_request():
    token_id = a_user().pk
    with attribution.origin("192.0.2.7", token_id=token_id):
        event = events_of(lambda: founding.found("one", actor=ALICE, now=NOON))[0]
    unknown = events_of(lambda: founding.found("two", actor=ALICE, now=NOON))[0]
    assert (event.token_id, event.address) == (token_id, "192.0.2.7")
    assert (unknown.token_id, unknown.address) == (None, "")


def test_a_token_that_is_seen_outside_of_a_request_signs_nothing_later():
    attribution.with_token(a_user().pk)
    event = events_of(lambda: founding.found("one", actor=ALICE, now=NOON))[0]
    assert (event.token_id, event.address) == (None, "")
