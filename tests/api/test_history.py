"""What happened to one thing, in sentences, and how a change of settings is put back."""

import pytest
from django.test import Client

from agents.models import Agent, Session
from executors.models import Attempt, Task
from k8s4r import clock
from k8s4r.access.models import Project, Token, TokenKind
from k8s4r.access.services import projects, tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.attribution import Actor
from k8s4r.audit.models import AuditEvent
from pools.models import Pool
from tests.builders import (
    NOON,
    a_pool,
    a_project,
    a_task,
    a_user,
    an_agent,
    an_attempt,
    seconds,
    session_of,
)


def sentences(answer):
    assert answer.status_code == 200, answer.content
    return [entry["sentence"] for entry in answer.json()["items"]]


@pytest.fixture
def fast(api):
    """Return a pool that was changed twice."""
    pool = a_pool(name="fast", max_concurrent=5)
    api.patch(f"agent-pools/{pool.pk}", {"max_concurrent": 50})
    api.patch(f"agent-pools/{pool.pk}", {"description": "for the night"})
    return pool


def event_of(thing, column):
    """Return the event that last changed this column."""
    rows = AuditEvent.objects.filter(object_id=thing.pk, detail__changes__has_key=column)
    return rows.exclude(from_state="").latest("id")


class TestLines:
    def test_a_pool_tells_who_changed_what_from_what_to_what(self, api, alice, fast):
        key = Token.objects.get(user=alice).key_id
        assert sentences(api.get(f"history/pool/{fast.pk}"))[:2] == [
            f"alice changed description none -> for the night (token {key})",
            f"alice changed max_concurrent 5 -> 50 (token {key})",
        ]

    def test_a_change_in_the_admin_is_told_as_one_of_the_web(self, api):
        browser = Client()
        browser.force_login(a_user("olga", is_staff=True, is_superuser=True))
        pool = a_pool(name="fast", max_concurrent=5)
        form = {"description": "", "strategy": pool.strategy, "max_concurrent": "50"}
        browser.post(f"/admin/pools/pool/{pool.pk}/change/", form)
        newest = sentences(api.get(f"history/pool/{pool.pk}"))[0]
        assert newest == "olga changed max_concurrent 5 -> 50 (web)"

    def test_members_are_told_by_name(self, api):
        agent, other = an_agent("web-1"), an_agent()
        pool = a_pool(other, name="static")
        api.post(f"agent-pools/{pool.pk}/agents", {"agent_id": str(agent.pk)})
        api.delete(f"agent-pools/{pool.pk}/agents/{agent.pk}")
        taken, listed = sentences(api.get(f"history/pool/{pool.pk}"))[:2]
        assert taken.startswith("alice took agent web-1 off the list")
        assert listed.startswith("alice listed agent web-1")

    def test_an_agent_tells_its_events_its_runs_and_its_connections_on_one_line(self, api, pool):
        agent = an_agent("web-1", slots=2)
        task = a_task(pool, name="build")
        attempt = an_attempt(task, agent, state="running")
        Attempt.objects.filter(pk=attempt.pk).update(
            assigned_at=NOON + seconds(10), ended_at=NOON + seconds(40), state="failed",
            exit_code=3, reason="exit_code",
        )  # fmt: skip
        first = session_of(agent)
        Session.objects.filter(pk=first.pk).update(ended_at=NOON + seconds(60), version="1.2")
        Session.objects.create(
            id=clock.new_id(), agent=agent, slots=1, opened_at=NOON + seconds(60),
            last_heartbeat_at=NOON + seconds(60),
        )  # fmt: skip
        Agent.objects.filter(pk=agent.pk).update(observed="offline", changed_at=NOON + seconds(70))

        said = sentences(api.get(f"history/agent/{agent.pk}"))

        assert said[0].endswith("moved it online -> offline")
        assert said[1:-2] == [
            "its session ended",
            "connected with 1 slot",
            "ended task build (attempt 1): failed, exit code 3",
            "got task build (attempt 1)",
        ]
        assert set(said[-2:]) == {
            "the platform made the agent",
            "connected with 2 slots, version 1.2",
        }

    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_of_a_line_meet_also_where_many_things_happen_at_once(self, api, pool, limit):
        agent = an_agent()
        sessions = [
            Session(
                id=clock.new_id(), agent=agent, slots=n, opened_at=NOON, ended_at=NOON,
                last_heartbeat_at=NOON,
            )
            for n in range(4)
        ]  # fmt: skip
        Session.objects.bulk_create(sessions)
        Agent.objects.filter(pk=agent.pk).update(observed="offline", changed_at=NOON)
        whole = sentences(api.get(f"history/agent/{agent.pk}?limit=200"))
        paged, cursor = [], ""
        while cursor is not None:
            query = f"limit={limit}{cursor and f'&cursor={cursor}'}"
            answer = api.get(f"history/agent/{agent.pk}?{query}")
            paged += sentences(answer)
            cursor = answer.json()["next"]
        assert paged == whole
        assert len(whole) == 2 + 5 + 4

    def test_what_becomes_of_its_tokens_is_on_an_agents_line(self, api, pool):
        agent = an_agent("web-1")
        api.post(f"agents/{agent.pk}/regenerate-token", {"revoke_current": True})
        api.post(f"agents/{agent.pk}/regenerate-token", {"rotate": True})
        asked, made = sentences(api.get(f"history/agent/{agent.pk}?since=2026-11-22"))[:2]
        assert asked.startswith("alice asked for a successor of the token")
        assert made.startswith("alice made the token")

    def test_since_leaves_out_what_is_older(self, api, pool):
        agent = an_agent()
        Agent.objects.filter(pk=agent.pk).update(observed="error", changed_at=NOON + seconds(60))
        query = "since=2026-11-21T12:00:30Z"
        (said,) = sentences(api.get(f"history/agent/{agent.pk}?{query}"))
        assert "online -> error" in said

    def test_a_task_tells_its_attempts_too(self, api, pool):
        agent = an_agent()
        task = a_task(pool)
        an_attempt(task, agent)
        Task.objects.filter(pk=task.pk).update(state="dispatching")
        said = sentences(api.get(f"history/task/{task.pk}"))
        assert "the platform gave out attempt 1" in said
        assert said[-1] == "the platform submitted the task"

    def test_a_user_a_project_and_a_token_have_one_too(self, api, alice, pool):
        project = a_project()
        Project.objects.filter(pk=project.pk).update(weight=3)
        token = api.post("tokens", {"label": "laptop"}).json()
        api.delete(f"tokens/{token['id']}")
        assert "weight 1 -> 3" in sentences(api.get(f"history/project/{project.pk}"))[0]
        assert sentences(api.get(f"history/user/{alice.pk}"))[-1] == "the platform made the user"
        revoked, made = sentences(api.get(f"history/token/{token['id']}"))
        assert revoked.startswith("alice revoked the token (token ")
        assert made.startswith("alice made the token (token ")

    def test_what_is_gone_still_has_its_history(self, api):
        pool = a_pool(name="short")
        identity = pool.pk
        pool.delete()
        assert sentences(api.get(f"history/pool/{identity}"))[0].endswith("deleted the pool")


class TestSight:
    @pytest.mark.parametrize("kind", ["pool", "agent", "task", "project", "user", "token"])
    def test_a_stranger_finds_nothing(self, stranger, pool, alice, kind):
        token = tokens.mint(TokenKind.PERSON, Terms(lifetime=None, user=alice), now=NOON).token
        things = {
            "pool": pool, "agent": an_agent(), "task": a_task(pool), "project": a_project(),
            "user": alice, "token": token,
        }  # fmt: skip
        assert stranger.get(f"history/{kind}/{things[kind].pk}").status_code == 404
        body = {"event": 1}
        assert stranger.post(f"history/{kind}/{things[kind].pk}/revert", body).status_code == 404

    def test_what_is_not_there_or_no_kind_is_not_found(self, api):
        assert api.get(f"history/pool/{clock.new_id()}").status_code == 404
        answer = api.get(f"history/slot/{clock.new_id()}")
        assert answer.status_code == 404
        assert "task, agent, pool" in answer.json()["detail"]

    def test_a_person_of_one_project_reads_his_own_history(self, stranger):
        bob = a_user("bob")
        token = Token.objects.get(user=bob)
        assert stranger.get(f"history/user/{bob.pk}").status_code == 200
        assert stranger.get(f"history/token/{token.pk}").status_code == 200

    def test_nobody_reads_without_a_token(self, nobody, pool):
        assert nobody.get(f"history/pool/{pool.pk}").status_code == 401

    @pytest.mark.parametrize(
        "query",
        [
            "since=x",
            "since=0001-01-01T00:00:00%2B23:59",
            "cursor=x",
            "cursor=WyJ4IiwxLCJ5Il0",
            "limit=0",
            "actor=alice",
        ],
    )
    def test_a_query_that_is_not_as_it_should_be_is_named(self, api, pool, query):
        answer = api.get(f"history/pool/{pool.pk}?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


class TestReverts:
    def revert(self, api, pool, event, **more):
        return api.post(f"history/pool/{pool.pk}/revert", {"event": event.pk, **more})

    def test_the_old_value_comes_back_and_the_change_is_told(self, api, fast):
        event = event_of(fast, "max_concurrent")

        answer = self.revert(api, fast, event)

        assert answer.json()["reverted"] == {"max_concurrent": [50, 5]}
        fast.refresh_from_db()
        assert (fast.max_concurrent, fast.description) == (5, "for the night")
        told = event_of(fast, "max_concurrent")
        assert (told.cause, told.detail["changes"]) == ("reverted", {"max_concurrent": [50, 5]})
        assert told.actor_id == str(a_user().pk)

    def test_what_was_changed_again_is_refused_unless_forced(self, api, fast):
        event = event_of(fast, "max_concurrent")
        api.patch(f"agent-pools/{fast.pk}", {"max_concurrent": 60})
        newest = event_of(fast, "max_concurrent")

        refused = self.revert(api, fast, event)

        assert refused.status_code == 409
        assert (
            f"max_concurrent changed again since, in event {newest.pk}" in refused.json()["detail"]
        )
        assert Pool.objects.get(pk=fast.pk).max_concurrent == 60
        forced = self.revert(api, fast, event, force=True)
        assert forced.json()["reverted"] == {"max_concurrent": [60, 5]}

    def test_a_revert_can_be_reverted(self, api, fast):
        self.revert(api, fast, event_of(fast, "max_concurrent"))
        self.revert(api, fast, event_of(fast, "max_concurrent"))
        assert Pool.objects.get(pk=fast.pk).max_concurrent == 50

    def test_what_is_as_it_was_stays_without_an_event(self, api, fast):
        event = event_of(fast, "max_concurrent")
        api.patch(f"agent-pools/{fast.pk}", {"max_concurrent": 5})
        before = AuditEvent.objects.count()
        assert self.revert(api, fast, event, force=True).json()["reverted"] == {}
        assert AuditEvent.objects.count() == before

    def test_the_services_own_checks_hold(self, api, fast):
        api.patch(f"agent-pools/{fast.pk}", {"name": "faster"})
        a_pool(name="fast")
        refused = self.revert(api, fast, event_of(fast, "name"))
        assert refused.status_code == 409
        assert "another pool fast" in refused.json()["detail"]

    def test_an_event_that_made_the_pool_or_of_another_is_refused(self, api, fast, pool):
        made = AuditEvent.objects.filter(object_id=fast.pk).earliest("id")
        answer = self.revert(api, fast, made)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/event"
        assert self.revert(api, pool, event_of(fast, "max_concurrent")).status_code == 404

    def test_what_was_archived_is_gone(self, api, fast):
        event = event_of(fast, "max_concurrent")
        api.delete(f"agent-pools/{fast.pk}")
        assert self.revert(api, fast, event).status_code == 404

    def test_agents_and_projects_too(self, api):
        agent, project = an_agent(labels={"a": "1"}), a_project(weight=1)
        api.patch(f"agents/{agent.pk}", {"labels": {"a": "2"}})
        projects.change(project.pk, {"weight": 4.0}, actor=Actor("user", "x"))
        for kind, thing, column in (("agent", agent, "labels"), ("project", project, "weight")):
            body = {"event": event_of(thing, column).pk}
            assert api.post(f"history/{kind}/{thing.pk}/revert", body).status_code == 200
            thing.refresh_from_db()
        assert (agent.labels, project.weight) == ({"a": "1"}, 1)

    def test_a_wish_is_not_put_back(self, api):
        agent = an_agent()
        api.post(f"agents/{agent.pk}/drain", {})
        body = {"event": event_of(agent, "desired").pk}
        assert api.post(f"history/agent/{agent.pk}/revert", body).status_code == 422

    @pytest.mark.parametrize("body", [{}, {"event": "x"}, {"event": 1, "colour": "red"}])
    def test_a_body_that_is_not_as_it_should_be_is_refused(self, api, fast, body):
        assert api.post(f"history/pool/{fast.pk}/revert", body).status_code in {400, 422}

    def test_a_number_beyond_the_database_is_refused(self, api, fast):
        assert self.revert(api, fast, AuditEvent(id=2**63)).status_code == 400
