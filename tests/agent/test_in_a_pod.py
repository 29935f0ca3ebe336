"""An agent in a pod: its proof is a file that Kubernetes replaces, its token follows from that."""

import signal
from pathlib import Path
from uuid import UUID

import pytest

from agents.client import identity
from agents.client.identity import Identity, Sources
from agents.client.link.session import EXIT_TOKEN_REFUSED
from agents.client.link.vocabulary import (
    Call,
    End,
    Lane,
    ReadToken,
    Ready,
    Registered,
    Rested,
    Stage,
    Start,
    State,
    Trouble,
)
from agents.wire import messages as wire
from tests.agent.harness import Agent, is_alive
from tests.agent.scripted_server import ScriptedServer
from tests.agent.steps import OPENED, beaten, failed, play
from tests.agent.words import until_there
from tests.waiting import wait_until

CONFIG, POD = UUID(int=1), UUID(int=2)
processes = pytest.mark.processes


def an_open_session() -> State:
    return play(Ready(enrolled=True, renews=True), OPENED, beaten())[0]


def test_a_refused_token_is_replaced_and_the_same_session_goes_on():
    state, _ = play(failed(Call.HEARTBEAT, Trouble.REFUSED), state=an_open_session())
    assert state.stage is Stage.ENROLLING
    state, actions = play(Rested(Lane.CONTROL), state=state)
    assert actions == [Start(Call.REGISTER)]
    _, actions = play(Registered(), state=state)
    assert actions == [Start(Call.SESSION)]


def test_a_late_refusal_of_the_token_before_asks_for_no_other():
    state, actions = play(failed(Call.REPORT, Trouble.REFUSED), state=an_open_session())
    assert state.stage is Stage.OPEN
    assert Start(Call.HEARTBEAT) in actions
    assert ReadToken() not in actions


def test_who_is_refused_another_token_twice_ends():
    state, _ = play(failed(Call.HEARTBEAT, Trouble.REFUSED), state=an_open_session())
    state, _ = play(
        Rested(Lane.CONTROL), failed(Call.REGISTER, Trouble.REFUSED, now=11.0), state=state
    )
    state, actions = play(
        Rested(Lane.CONTROL), failed(Call.REGISTER, Trouble.REFUSED, now=13.0), state=state
    )
    assert actions == [End(EXIT_TOKEN_REFUSED, "token_refused", "why")]


def test_a_cluster_that_is_away_is_waited_for():
    state, _ = play(Ready(enrolled=False, renews=True))
    for moment in range(20):
        state, actions = play(failed(Call.REGISTER, Trouble.AWAY, now=moment), state=state)
        assert not [one for one in actions if isinstance(one, End)]
        state, actions = play(Rested(Lane.CONTROL), state=state)
        assert actions == [Start(Call.REGISTER)]


def test_what_another_pod_left_is_not_ours(tmp_path: Path):
    identity.keep(Identity(UUID(int=9), "pod_x", str(POD)), tmp_path)
    kept = identity.load(Sources(tmp_path, pod=POD))
    assert kept is not None
    assert kept.token == "pod_x"
    assert identity.load(Sources(tmp_path, pod=CONFIG)) is None


@pytest.fixture
def proof(server: ScriptedServer, agent: Agent) -> Path:
    """Return the file with the proof of the agent, which has no other credentials."""
    path = agent.folder / "projected"
    path.write_text("jwt-1")
    server.vouching.proofs = {"jwt-1"}
    agent.credentials = []
    agent.variables = {
        "K8S4R_AGENT_API_URL": server.url,
        "K8S4R_AGENT_K8S_CONFIG": str(CONFIG),
        "K8S4R_AGENT_POD": str(POD),
        "K8S4R_AGENT_POD_TOKEN_FILE": str(path),
        "K8S4R_AGENT_SLOTS": "3",
    }
    agent.options = []
    return path


@processes
def test_the_agent_asks_with_the_token_that_is_in_the_file_now(
    server: ScriptedServer, agent: Agent, proof: Path
):
    agent.ready()
    assert [(one.config, one.pod) for one in server.vouching.pods] == [(CONFIG, POD)]
    assert (server.sessions[-1].slots, server.registrations) == (3, [])
    order = server.run("sleep", "300", slot=0)
    server.started(order)
    # An hour later the kubelet has put another one there, and the server forgot the first.
    proof.write_text("jwt-2")
    server.vouching.proofs, server.script.token = {"jwt-2"}, "pod_second"
    wait_until(lambda: len(server.sessions) > 1)
    assert server.vouching.seen == ["jwt-1", "jwt-2"]
    assert {one.session for one in server.sessions} == {server.sessions[0].session}
    assert [held.attempt for held in server.sessions[-1].held] == [order.attempt]
    assert server.attempts[order.attempt].end is None


@processes
def test_a_container_that_starts_again_goes_on_with_its_token(
    server: ScriptedServer, agent: Agent, proof: Path
):
    agent.ready()
    agent.kill_runner()
    proof.unlink()
    agent.ready()
    assert len(server.vouching.pods) == 1
    assert len(server.sessions) >= 2


@processes
def test_an_agent_whom_nobody_vouches_for_ends(server: ScriptedServer, agent: Agent, proof: Path):
    proof.write_text("forged")
    agent.start()
    assert agent.exit_code() == EXIT_TOKEN_REFUSED
    assert len(server.vouching.seen) == 2
    assert server.sessions == []


@processes
def test_check_asks_with_the_proof_and_says_what_came(
    server: ScriptedServer, agent: Agent, proof: Path
):
    done = agent.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK    pod: the cluster vouches for it" in done.stdout
    assert "OK    token: accepted" in done.stdout
    assert not (agent.spool / "identity.json").exists()
    proof.write_text("forged")
    done = agent.check()
    assert done.returncode == EXIT_TOKEN_REFUSED
    assert "FAIL  pod: answered with 401" in done.stdout
    assert "K8S4R_POD_AUDIENCE" in done.stdout


@processes
def test_work_that_outlasts_the_grace_is_stopped_and_told_in_time(
    server: ScriptedServer, agent: Agent, proof: Path
):
    agent.variables["K8S4R_AGENT_DRAIN_TIMEOUT"] = "1"
    agent.ready()
    go = agent.folder / "go"
    short = server.shell(f"{until_there(go)}; echo done", slot=0)
    long = server.run("sleep", "300", slot=1)
    for one in (short, long):
        server.started(one)
    agent.signal(signal.SIGTERM)
    go.touch()
    assert agent.exit_code() == 0
    assert server.end_of(short).exit_code == 0
    end = server.end_of(long)
    assert isinstance(end, wire.Stopped)
    assert end.reason == "agent_stop"
    assert not is_alive(agent.pid)
