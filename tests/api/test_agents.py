import pytest

from agents.models import Agent
from executors.core.lifecycle import AttemptState
from executors.models import Attempt
from k8s4r import clock
from k8s4r.access.models import Token
from k8s4r.api import authentication
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_pod,
    a_pod_pool,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
)


def whose(text):
    return authentication.authenticate(text, now=clock.now())


def test_a_person_makes_an_agent_and_gets_its_token_once(api):
    answer = api.post("agents", {"name": "robot-1", "labels": ["gpu=yes"], "agent_type": "robot"})
    agent = answer.json()
    shown = api.get(f"agents/{agent['id']}")
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/agents/{agent['id']}"
    assert agent["agent_id"] == agent["id"]
    assert agent["labels"] == {"gpu": "yes"}
    assert agent["agent_type"] == "robot"
    assert agent["status"] == "offline"
    assert agent["token"].startswith("agt_")
    assert agent["token_expires_at"] is not None
    assert str(whose(agent["token"]).id) == agent["id"]
    assert "token" not in shown.json()
    assert shown.json()["token_expires_at"] == agent["token_expires_at"]
    assert agent["token"] not in shown.content.decode()


def test_a_name_is_there_once(api):
    api.post("agents", {"name": "a"})
    answer = api.post("agents", {"name": "a"})
    assert answer.status_code == 409
    assert Agent.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "../x"}, "/name"),
        ({"name": "a" * 254}, "/name"),
        ({"name": ""}, "/name"),
        ({"desired": "active"}, "/desired"),
        ({"observed": "online"}, "/observed"),
        ({"token": "x"}, "/token"),
        ({"agent_type": "toaster"}, "/agent_type"),
        ({"agent_type": "k8s"}, "/agent_type"),
        ({"labels": {"a": "b c"}}, "/labels/a"),
        ({"project": "nowhere"}, "/project"),
        ({"endpoint": "https://a\n"}, "/endpoint"),
        ({"endpoint": "https://a\x9b2J"}, "/endpoint"),
        ({"endpoint": "a" * 2049}, "/endpoint"),
    ],
)
def test_a_broken_rule_is_named_and_no_agent_is_made(api, change, pointer):
    answer = api.post("agents", {"name": "a", **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Agent.objects.exists()


def test_of_several_tokens_the_last_expiry_counts_and_a_revoked_one_does_not(api):
    made = api.post("agents", {"name": "a"}).json()
    second = api.post(f"agents/{made['id']}/regenerate-token").json()
    assert second["token_expires_at"] > made["token_expires_at"]
    for path in (f"agents/{made['id']}", f"agents/{made['id']}/status"):
        assert api.get(path).json()["token_expires_at"] == second["token_expires_at"]
    (item,) = api.get("agents").json()["items"]
    assert item["token_expires_at"] == second["token_expires_at"]
    Token.objects.filter(subject=made["id"]).order_by("-created_at")[0].delete()
    assert api.get(f"agents/{made['id']}").json()["token_expires_at"] == made["token_expires_at"]
    revoked = api.post(f"agents/{made['id']}/revoke-token").json()
    assert revoked["token_expires_at"] is None


def test_an_endpoint_is_written_replaced_and_told_in_the_history(api):
    made = api.post("agents", {"name": "a", "endpoint": "https://web-1.lan:9443"}).json()
    path = f"agents/{made['id']}"
    assert made["endpoint"] == api.get(path).json()["endpoint"] == "https://web-1.lan:9443"
    looked_at = api.get(path).headers["ETag"]
    changed = api.patch(path, {"endpoint": "10.0.0.7:22"})
    assert changed.json()["endpoint"] == "10.0.0.7:22"
    assert api.patch(path, {"name": "b"}, If_Match=looked_at).status_code == 412
    newest = AuditEvent.objects.filter(object_id=made["id"]).order_by("-id")[0]
    assert newest.detail["changes"] == {"endpoint": ["https://web-1.lan:9443", "10.0.0.7:22"]}
    for method in (api.put, api.patch):
        refused = method(path, {"name": "a", "endpoint": "a\tb"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/endpoint"
    assert api.put(path, {"name": "a"}).json()["endpoint"] == ""


def test_the_totals_count_what_ended_on_the_agent_by_how_it_ended(api, pool):
    mine, other = an_agent("mine"), an_agent("other")
    ends = {"completed": 3, "failed": 2, "timed_out": 1, "cancelled": 1}
    for state, count in ends.items():
        a_tasks(pool, count, agent=mine, state=state, ended_at=NOON)
    a_tasks(pool, 2, state="cancelled", ended_at=NOON)
    a_task(pool, agent=mine, state="running")
    totals = {"total_tasks": 7, "success_tasks": 3, "failed_tasks": 3}
    for answer in (api.get(f"agents/{mine.pk}"), api.get(f"agents/{mine.pk}/status")):
        assert answer.json().items() >= totals.items()
    items = {item["name"]: item for item in api.get("agents").json()["items"]}
    assert items["mine"].items() >= totals.items()
    assert [items["other"][name] for name in totals] == [0, 0, 0]
    assert other.name in items


def test_put_replaces_and_patch_changes_what_people_say_of_an_agent(api):
    agent = an_agent("a", labels={"x": "1"}, description="old")
    patched = api.patch(f"agents/{agent.pk}", {"labels": {"x": "2"}}).json()
    assert (patched["labels"], patched["description"]) == ({"x": "2"}, "old")
    put = api.put(f"agents/{agent.pk}", {"name": "b"}).json()
    assert (put["name"], put["labels"], put["description"]) == ("b", {}, "")
    assert Agent.objects.get(pk=agent.pk).observed == "online"


def test_an_agent_in_a_pod_stays_one_whatever_people_write(api):
    agent = a_pod(a_pod_pool()).agent
    path = f"agents/{agent.pk}"
    put = api.put(path, {"name": agent.name, "description": "of a pool"}).json()
    assert (put["agent_type"], put["description"]) == ("k8s", "of a pool")
    for method in (api.put, api.patch):
        refused = method(path, {"name": agent.name, "agent_type": "remote"})
        assert refused.status_code == 422
        (problem,) = refused.json()["errors"]
        assert (problem["pointer"], problem["rule"]) == ("/agent_type", "fixed")
    assert Agent.objects.get(pk=agent.pk).type == "k8s"


def test_any_other_agent_gets_into_no_pod_by_what_it_is_called(api):
    agent = an_agent("a")
    for type_ in ("robot", "k8s"):
        api.patch(f"agents/{agent.pk}", {"agent_type": type_})
    assert api.put(f"agents/{agent.pk}", {"name": "a"}).json()["agent_type"] == "robot"


@pytest.mark.parametrize("field", ["observed", "desired", "project", "capabilities", "id"])
def test_what_is_fact_is_not_changed_by_people(api, field):
    agent = an_agent("a")
    for answer in (
        api.patch(f"agents/{agent.pk}", {field: "x"}),
        api.put(f"agents/{agent.pk}", {"name": "a", field: "x"}),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.parametrize(
    ("action", "desired"), [("pause", "paused"), ("drain", "draining"), ("resume", "active")]
)
def test_a_wish_is_granted_and_asking_twice_is_a_success(api, alice, action, desired):
    agent = an_agent()
    for _ in range(2):
        answer = api.post(f"agents/{agent.pk}/{action}")
        assert answer.status_code == 202
        assert answer.json()["desired"] == desired
    events = AuditEvent.objects.filter(object_id=agent.pk, cause=action)
    assert [event.actor_id for event in events] == ([str(alice.pk)] if action != "resume" else [])


@pytest.mark.parametrize("wish", ["pause", "drain"])
def test_an_agent_is_safe_when_it_gets_nothing_and_has_nothing(api, pool, now, wish):
    agent = an_agent()
    attempt = an_attempt(a_task(pool), agent, state=AttemptState.RUNNING)

    def standing():
        status = api.get(f"agents/{agent.pk}/status").json()
        return status["running"], status["safe"]

    assert standing() == (1, False)
    api.post(f"agents/{agent.pk}/{wish}")
    assert standing() == (1, False)
    Attempt.objects.filter(pk=attempt.pk).update(state="succeeded", ended_at=now)
    assert standing() == (0, True)
    api.post(f"agents/{agent.pk}/resume")
    assert standing() == (0, False)


def test_an_agent_that_enrolled_itself_is_approved(api):
    agent = an_agent(observed="pending")
    assert api.get(f"agents/{agent.pk}/status").json()["status"] == "pending"
    assert api.post(f"agents/{agent.pk}/approve").json()["status"] == "offline"


def test_a_revoked_agent_is_out_at_once_and_for_good(api):
    made = api.post("agents", {"name": "a"}).json()
    assert whose(made["token"]) is not None
    answer = api.post(f"agents/{made['id']}/revoke-token")
    assert answer.json()["status"] == "revoked"
    assert not Token.objects.filter(subject=made["id"], revoked_at=None).exists()
    assert api.post(f"agents/{made['id']}/resume").status_code == 409
    assert api.post(f"agents/{made['id']}/regenerate-token").status_code == 409


def test_a_new_token_lets_the_old_one_live_until_it_is_used(
    api, django_capture_on_commit_callbacks
):
    made = api.post("agents", {"name": "a"}).json()
    new = api.post(f"agents/{made['id']}/regenerate-token").json()["token"]
    assert whose(made["token"]) is not None
    with django_capture_on_commit_callbacks(execute=True):
        assert str(whose(new).id) == made["id"]
    assert whose(made["token"]) is None


def test_a_leaked_token_dies_with_its_replacement(api):
    made = api.post("agents", {"name": "a"}).json()
    answer = api.post(f"agents/{made['id']}/regenerate-token", {"revoke_current": True})
    assert not Token.objects.filter(key_id=made["token"].split("_")[1], revoked_at=None).exists()
    assert whose(answer.json()["token"]) is not None


def test_a_token_may_be_flagged_for_the_agent_to_fetch_a_new_one(api):
    made = api.post("agents", {"name": "a"}).json()
    answer = api.post(f"agents/{made['id']}/regenerate-token", {"rotate": True})
    assert answer.status_code == 202
    assert "token" not in answer.json()
    assert whose(made["token"]).rotating


def test_an_agent_that_is_let_go_disappears_and_frees_its_name(api):
    made = api.post("agents", {"name": "a"}).json()
    assert api.delete(f"agents/{made['id']}").status_code == 204
    assert api.get(f"agents/{made['id']}").status_code == 404
    assert api.delete(f"agents/{made['id']}").status_code == 404
    assert api.get("agents").json()["items"] == []
    assert whose(made["token"]) is None
    assert api.post("agents", {"name": "a"}).status_code == 201


def test_an_agents_tasks_are_listed(api, pool):
    agent = an_agent()
    task = a_task(pool)
    a_task(pool)
    an_attempt(task, agent)
    items = api.get(f"agents/{agent.pk}/tasks").json()["items"]
    assert [item["id"] for item in items] == [str(task.pk)]
    assert api.get(f"agents/{agent.pk}/tasks?state=failed").json()["items"] == []


def test_another_projects_agents_do_not_exist_for_a_stranger(stranger):
    agent = an_agent("a", labels={"x": "1"})
    assert stranger.get("agents").json()["items"] == []
    for path in ("", "/status", "/tasks"):
        assert stranger.get(f"agents/{agent.pk}{path}").status_code == 404
    for action in ("approve", "pause", "drain", "resume", "revoke-token", "regenerate-token"):
        assert stranger.post(f"agents/{agent.pk}/{action}").status_code == 404
    assert stranger.patch(f"agents/{agent.pk}", {"labels": {}}).status_code == 404
    assert stranger.put(f"agents/{agent.pk}", {"name": "b"}).status_code == 404
    assert stranger.delete(f"agents/{agent.pk}").status_code == 404
    row = Agent.objects.get(pk=agent.pk)
    assert (row.desired, row.labels, row.archived_at) == ("active", {"x": "1"}, None)
