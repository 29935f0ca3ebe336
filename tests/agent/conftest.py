"""A scripted server and an agent for each test; both are gone when it ends."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.harness import Agent
from tests.agent.scripted_server import ScriptedServer


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
