"""Which setting wins, and which mistakes are named before an agent starts?"""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agents.client import config
from agents.client.config import AgentConfig, ConfigurationError, PodPlace
from agents.client.runner.lease import LeaseTerms, may_run
from tests.agent.words import make_order

NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("url", "token_file", "agent_id", "enrolment_token_file", "ca_file", "name", "slots"),
        *("spool", "disconnect_after_idle_timeout", "cancel_grace_period", "health_check_addr"),
        *("log_format", "stop_margin", "kill_grace", "not_now_file", "drain_timeout"),
        *("k8s_config", "pod", "pod_token_file"),
    )
) | {"labels": (), "once": False, "disconnect_after_job": False}


def build(data: dict[str, Any] | None = None, **flags: Any) -> AgentConfig:
    return config.build({**NOTHING, "url": "http://server", **flags}, data or {})


def test_a_flag_wins_over_the_file_and_the_file_over_the_default():
    assert build().slots == 1
    assert build({"slots": 3}).slots == 3
    assert build({"slots": 3}, slots=5).slots == 5


def test_the_file_may_say_everything_that_flags_say():
    made = build(
        {
            "name": "robot",
            "labels": {"zone": "a"},
            "log-format": "text",
            "spool": "/var/spool/robot",
            "once": True,
        }
    )
    assert (made.name, made.labels, made.log_format) == ("robot", {"zone": "a"}, "text")
    assert (made.spool, made.leaving.after_taking_one) == (Path("/var/spool/robot"), True)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"slot": 3}, "slot"),
        ({"restrictions": {"command": ["x"]}}, "command"),
        ({"restrictions": {"drivers": "exec"}}, "drivers"),
        ({"restrictions": {"max_slots": 0}}, "max_slots"),
        ({"restrictions": ["exec"]}, "restrictions"),
        ({"slots": "three"}, "--slots"),
        ({"url": "server:80"}, "--url"),
    ],
)
def test_a_mistake_in_the_file_is_named(data: dict[str, Any], word: str):
    with pytest.raises(ConfigurationError, match=word):
        config.build({**NOTHING, "url": data.get("url", "http://server")}, data)


def test_the_owners_limit_bounds_the_slots():
    assert build({"restrictions": {"max_slots": 2}}, slots=8).slots == 2


def test_the_kill_must_fit_before_the_loss():
    with pytest.raises(ValueError, match="stop margin"):
        LeaseTerms(stop_margin_s=10, kill_grace_s=10)


@pytest.mark.parametrize(
    ("lost_after_s", "policy", "silence_s", "may"),
    [
        (120, "replace", 89.9, True),
        (120, "replace", 90.0, False),
        (120, "stop", 90.0, False),
        (120, "wait", 10_000.0, True),
        (30, "replace", 14.9, True),
        (30, "replace", 15.0, False),
        (120, "replace", float("inf"), False),
    ],
)
def test_work_may_run_until_thirty_seconds_before_its_loss(
    lost_after_s: int, policy: str, silence_s: float, may: bool
):
    order = make_order(lost_after_s=lost_after_s, disconnect=policy)
    assert may_run(order, LeaseTerms(), silence_s=silence_s) is may


IN_POD = {"k8s_config": UUID(int=1), "pod": UUID(int=2), "pod_token_file": "/var/run/token"}


def test_an_agent_in_a_pod_needs_no_home_and_offers_what_the_pod_was_made_with(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    made = build(**IN_POD, slots=3, name="k8s4r-slots-1")
    assert made.server.pod == PodPlace(UUID(int=1), UUID(int=2), Path("/var/run/token"))
    assert made.spool == Path("/var/lib/k8s4r-agent/k8s4r-slots-1")
    assert (made.slots, made.most_slots) == (3, 3)


@pytest.mark.parametrize(
    "flags",
    [
        {"pod": UUID(int=2)},
        {**IN_POD, "k8s_config": None},
        {**IN_POD, "token_file": "/token"},
        {**IN_POD, "enrolment_token_file": "/token"},
    ],
)
def test_half_a_pod_and_two_proofs_are_refused(flags: dict[str, Any]):
    with pytest.raises(ConfigurationError, match="pod"):
        build(**flags)
