"""A scripted server, an agent and a spool for each test; all are gone when it ends."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.client.runner.spool import Spool
from tests.agent.harness import Agent
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import a_life


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    scripted.start()
    yield scripted
    scripted.stop()


@pytest.fixture
def agent(server: ScriptedServer, tmp_path: Path) -> Iterator[Agent]:
    one = Agent(server, tmp_path)
    yield one
    one.close()
    sys.stderr.write(one.log())


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    one = Spool(tmp_path, durable_moved=lambda: None)
    one.begin(a_life(), [])
    yield one
    one.close()
