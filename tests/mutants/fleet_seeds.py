"""The seeded bugs of dispatch, and of the program on the machines."""

from tests.mutants.seed import Seed

FLEET_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="assign-forgets-the-agent-row",
        invariant="I10",
        path="executors/services/dispatch.py",
        old="WHERE id = ANY(%(agents)s::uuid[]) AND desired = 'active' AND observed = 'online'\n"
        "      AND not_now_since IS NULL AND archived_at IS NULL\n"
        "    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        new="WHERE id = ANY(%(agents)s::uuid[])",
        tests=("tests/concurrency/test_dispatch.py",),
    ),
    Seed(
        name="assign-ignores-not-now",
        invariant="I10",
        path="executors/services/dispatch.py",
        old="AND not_now_since IS NULL AND archived_at IS NULL",
        new="AND archived_at IS NULL",
        tests=("tests/services/test_standing.py",),
    ),
    Seed(
        name="a-held-pool-gives-work",
        invariant="I10",
        path="executors/decision.py",
        old="if facts.pool.barriers:",
        new="if False:",
        tests=("tests/services/test_dispatch.py", "tests/api/test_pool_gates.py"),
    ),
    Seed(
        name="the-runner-never-stops-by-itself",
        invariant="I6",
        path="agents/client/runner/lease.py",
        old="return patience is None or silence_s < patience",
        new="return True",
        tests=("tests/agent/test_lease.py::test_the_runner_stops_work_whatever_its_link_does",),
    ),
    Seed(
        name="a-group-starts-whatever-the-lease-says",
        invariant="I6",
        path="agents/client/runner/work.py",
        old="return at, None if self._lapse(order) else start()",
        new="return at, start()",
        tests=("tests/agent/test_work.py::test_a_group_of_starts_ends_where_the_lease_does",),
    ),
    Seed(
        name="one-look-at-what-is-left-is-enough",
        invariant="I9",
        path="agents/client/runner/belongings.py",
        old="(strays := self._strays()) and strays != seen:",
        new="(strays := self._strays()) and not seen:",
        tests=("tests/agent/test_belongings.py",),
    ),
)
