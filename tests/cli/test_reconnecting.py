"""A followed log survives the network: nothing is lost, nothing comes twice."""

from agents.models import Agent
from pools.models import Pool
from tests.cli.cable import Cable
from tests.cli.work import a_running_task, ends, writes


def test_a_followed_log_goes_on_where_it_was_cut(cli, cable: Cable, pool: Pool, agent: Agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"line 2\n")
    process = cli.start("--url", cable.url, "logs", "-f", "build")
    assert process.stdout.readline() == "line 2\n"
    for seq in range(3, 6):
        cable.cut()
        writes(attempt, seq, b"line %d\n" % seq)
        assert process.stdout.readline() == f"line {seq}\n"
    ends(attempt)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert cable.carried >= 4
