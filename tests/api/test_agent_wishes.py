"""What goes with a wish, and the settings that flow down to an agent."""

import pytest

from agents.models import Agent
from tests.builders import a_pool, a_task, an_agent


def test_a_note_says_why_an_agent_is_paused_by_whom_and_until_when(api):
    agent = an_agent("one")
    until = "2999-01-01T00:00:00Z"
    answer = api.post(f"agents/{agent.pk}/pause", {"note": "lunch", "until": until})
    paused = answer.json()
    assert answer.status_code == 202
    assert (paused["desired"], paused["desired_note"], paused["desired_by"]) == (
        *("paused", "lunch", "alice"),
    )
    assert paused["desired_until"] == until
    assert paused["desired_at"] is not None
    task = a_task(a_pool(agent))
    why = api.get(f"tasks/{task.pk}/waiting").json()
    assert why["candidates"][0]["found"] == "paused: lunch"
    assert why["advice"][0]["command"] == "k8s4r resume one"
    resumed = api.post(f"agents/{agent.pk}/resume").json()
    assert (resumed["desired_note"], resumed["desired_until"]) == ("", None)


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("pause", {"until": "2020-01-01T00:00:00Z"}, "/until"),
        ("pause", {"until": "2999-01-01T00:00:00"}, "/until"),
        ("drain", {"until": "2020-01-01T00:00:00Z"}, "/until"),
        ("resume", {"note": "x"}, "/note"),
        ("settings", {"slots": 0}, "/slots"),
        ("settings", {"slots": 1025}, "/slots"),
        ("settings", {"log_level": "loud"}, "/log_level"),
        ("settings", {"heartbeat_s": 0.5}, "/heartbeat_s"),
        ("settings", {"heartbeat_s": 11}, "/heartbeat_s"),
        ("settings", {"pace": 1}, "/pace"),
    ],
)
def test_what_cannot_be_asked_of_an_agent_is_named(api, verb, body, pointer):
    agent = an_agent()
    answer = api.post(f"agents/{agent.pk}/{verb}", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert Agent.objects.get(pk=agent.pk).desired == "active"


def test_settings_are_merged_and_null_leaves_one_to_the_agent(api):
    agent = an_agent()
    path = f"agents/{agent.pk}"
    api.post(f"{path}/settings", {"slots": 3, "log_level": "debug"})
    changed = api.patch(path, {"settings": {"slots": None}}).json()
    assert changed["settings"] == {"log_level": "debug"}
    assert (changed["settings_version"], changed["settings_applied"]) == (2, 0)
    assert api.get("agents").json()["items"][0]["settings_version"] == 2
    refused = api.patch(path, {"settings": {"slots": 0}})
    assert refused.json()["errors"][0]["pointer"] == "/settings/slots"


def test_another_projects_agent_has_no_settings_for_a_stranger(stranger):
    agent = an_agent()
    assert stranger.post(f"agents/{agent.pk}/settings", {"slots": 3}).status_code == 404
    assert Agent.objects.get(pk=agent.pk).settings == {}
