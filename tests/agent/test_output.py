"""Is output whole, whatever it is, and bounded, however much it is?"""

import hashlib
import os

import pytest

from tests.agent.harness import Agent
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

MIB = 1024 * 1024


def test_binary_output_arrives_as_it_was(server: ScriptedServer, agent: Agent):
    blob = os.urandom(3 * MIB + 17)
    (agent.folder / "blob").write_bytes(blob)
    agent.ready()
    order = server.run("cat", str(agent.folder / "blob"))
    assert server.end_of(order).exit_code == 0
    assert hashlib.sha256(server.output(order)).digest() == hashlib.sha256(blob).digest()


def test_output_beyond_the_limit_is_cut_and_the_log_says_how_much(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    spec = {"output_limit_bytes": 1000}
    order = server.shell("head -c 3000 /dev/zero; echo end >&2; sleep 0.3; exit 4", spec=spec)
    end = server.end_of(order)
    assert (end.exit_code, end.signal_reason) == (4, "")
    assert len(server.output(order)) + len(server.output(order, "stderr")) == 1000
    assert b"2004 bytes of output beyond the limit of 1000" in server.output(order, "agent")


def test_a_flood_is_ended_and_does_not_fill_the_disk(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.run("yes", "flood", spec={"output_limit_bytes": MIB})
    end = server.end_of(order)
    assert end.signal_reason == "output_limit"
    assert MIB - 1000 < len(server.output(order)) + len(server.output(order, "agent")) <= MIB
    assert b"were dropped" in server.output(order, "agent")


def test_a_process_that_writes_to_dev_stdout_loses_nothing_that_was_read(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    seen, again = agent.folder / "seen", agent.folder / "again"
    order = server.shell(
        f"echo one; {until_there(seen)}; echo two > /dev/stdout; {until_there(again)}; echo three"
    )
    wait_until(lambda: server.output(order) == b"one\n")
    seen.touch()
    wait_until(lambda: server.output(order) == b"one\ntwo\n")
    again.touch()
    server.end_of(order)
    assert server.output(order) == b"one\ntwo\nthree\n"
    assert b"emptied its own output" in server.output(order, "agent")


def test_the_last_words_before_an_end_are_not_lost(server: ScriptedServer, agent: Agent):
    agent.ready()
    orders = [server.shell(f"echo last words {slot}", slot=slot) for slot in range(4)]
    for slot, order in enumerate(orders):
        server.end_of(order)
        assert server.output(order) == f"last words {slot}\n".encode()


def test_a_quiet_slot_is_not_held_up_by_a_loud_one(server: ScriptedServer, agent: Agent):
    agent.ready()
    loud = server.shell("yes | head -c 15000000; sleep 300")
    server.started(loud)
    quiet = server.shell("echo quiet", slot=1)
    assert server.end_of(quiet).exit_code == 0
    wait_until(lambda: len(server.output(loud)) == 15_000_000)
