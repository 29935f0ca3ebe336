"""Settings that flow down to a running agent, and an agent that says "not now"."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.client.runner import willingness
from agents.wire import messages as wire
from agents.wire.settings import NotNow
from tests.agent.harness import Agent
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import until_there
from tests.waiting import wait_until

at_machine = pytest.mark.processes


@at_machine
def test_more_slots_are_offered_at_once_and_used(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    running = server.shell(until_there(go), slot=0)
    server.started(running)
    server.want(slots=6)
    wait_until(lambda: server.sessions[-1].slots == 6)
    assert server.sessions[-1].session == server.sessions[0].session, "the same life goes on"
    assert server.end_of(server.order("noop", slot=5)).exit_code == 0
    go.touch()
    assert server.end_of(running).exit_code == 0


@at_machine
def test_fewer_slots_lose_no_work_that_runs_or_is_on_its_way(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    running = server.shell(until_there(go), slot=3)
    server.started(running)
    server.want(slots=1)
    wait_until(lambda: server.sessions[-1].slots == 1)
    assert [held.attempt for held in server.sessions[-1].held] == [running.attempt]
    assert server.end_of(server.order("noop", slot=2)).exit_code == 0
    go.touch()
    assert server.end_of(running).exit_code == 0
    wait_until(lambda: server.claims[-1].free == 1)


@at_machine
def test_each_version_is_applied_once_and_said_again_by_a_new_runner(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    server.want(slots=2)
    server.want(slots=3)
    wait_until(lambda: server.heartbeats[-1].settings_version == 2)
    told = len(server.heartbeats)
    wait_until(lambda: len(server.heartbeats) > told + 2)
    assert agent.log().count('"event":"settings_applied"') <= 2
    assert agent.log().count('"version":2') == 1

    agent.kill_runner()
    agent.ready()
    wait_until(lambda: server.sessions[-1].slots == 3)


@at_machine
def test_what_is_left_to_the_agent_is_its_own_again(server: ScriptedServer, agent: Agent):
    agent.ready()
    server.want(slots=2)
    wait_until(lambda: server.sessions[-1].slots == 2)
    server.want()
    wait_until(lambda: server.sessions[-1].slots == 4)


@at_machine
def test_the_owners_limit_stands_whatever_the_server_wants(server: ScriptedServer, agent: Agent):
    config = agent.folder / "agent.toml"
    config.write_text("[restrictions]\nmax_slots = 3\n")
    agent.ready("--config", str(config))
    server.want(slots=100)
    wait_until(lambda: server.heartbeats[-1].settings_version == 1)
    assert server.sessions[-1].slots == 3


@at_machine
def test_the_log_level_changes_in_both_processes(server: ScriptedServer, agent: Agent):
    agent.ready()
    server.want(log_level="error")
    wait_until(lambda: server.heartbeats[-1].settings_version == 1)
    before = agent.log()
    assert server.end_of(server.order("noop")).exit_code == 0
    wait_until(lambda: not server.claims[-1].held)
    assert agent.log() == before


@at_machine
def test_work_knows_the_labels_that_match_on_the_server(server: ScriptedServer, agent: Agent):
    agent.ready()
    server.want(labels={"zone": "b", "gpu": "yes"})
    wait_until(lambda: server.heartbeats[-1].settings_version == 1)
    order = server.shell('echo "$K8S4R_AGENT_LABELS"')
    server.end_of(order)
    assert server.output(order) == b"gpu=yes,zone=b\n"


@at_machine
def test_while_the_file_is_there_the_agent_says_not_now_and_why(
    server: ScriptedServer, agent: Agent
):
    file = agent.folder / "not-now"
    agent.ready("--not-now-file", str(file))
    assert server.sessions[-1].not_now is None
    file.write_text("until: 2999-01-01T00:00:00Z\nthe GPU is taken\nfor a demo\n")
    wait_until(lambda: server.heartbeats[-1].not_now)
    until = datetime(2999, 1, 1, tzinfo=UTC)
    assert server.heartbeats[-1].not_now == NotNow(
        reason="the GPU is taken for a demo", until=until
    )
    refused = server.end_of(server.order("noop"))
    assert isinstance(refused, wire.Refused)
    assert refused.message == "not now: the GPU is taken for a demo"
    file.unlink()
    wait_until(lambda: not server.heartbeats[-1].not_now)
    assert server.end_of(server.order("noop", slot=1)).exit_code == 0


@at_machine
def test_an_agent_that_starts_beside_the_file_says_so_with_its_first_word(
    server: ScriptedServer, agent: Agent
):
    file = agent.folder / "not-now"
    file.touch()
    agent.ready("--not-now-file", str(file))
    assert server.sessions[0].not_now == NotNow(reason=willingness.NO_TEXT)


@at_machine
def test_what_runs_goes_on_when_the_file_appears(server: ScriptedServer, agent: Agent):
    file, go = agent.folder / "not-now", agent.folder / "go"
    agent.ready("--not-now-file", str(file))
    running = server.shell(until_there(go))
    server.started(running)
    file.write_text("lunch")
    wait_until(lambda: server.heartbeats[-1].not_now)
    go.touch()
    assert server.end_of(running).exit_code == 0


def test_a_time_that_is_over_ends_it_and_one_that_is_not_understood_is_part_of_the_reason(
    tmp_path: Path,
):
    file, now = tmp_path / "not-now", datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert willingness.look(file, wall_s=now.timestamp()) is None
    file.write_text("until: 2026-11-21T13:30:00+01:00\nlunch")
    later = now + timedelta(minutes=30)
    found = willingness.look(file, wall_s=now.timestamp())
    assert found == NotNow(reason="lunch", until=later)
    assert willingness.look(file, wall_s=later.timestamp()) is None
    file.write_bytes(b"until: tomorrow\n\xff")
    assert willingness.look(file, wall_s=now.timestamp()) == NotNow(reason="until: tomorrow \ufffd")


def test_a_time_without_an_offset_is_by_the_machines_own_clock():
    local = datetime(2026, 11, 21, 12, 0).astimezone()
    assert willingness.read("until: 2026-11-21T12:00").until == local


def test_what_cannot_be_read_still_means_not_now(tmp_path: Path):
    found = willingness.look(tmp_path, wall_s=0.0)
    assert found is not None
    assert "directory" in found.reason.lower()
