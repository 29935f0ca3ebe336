"""The seeded bugs of pods: of what they may hold, and when they may go."""

from tests.mutants.seed import Seed

RACES = (
    "tests/concurrency/test_scaling.py::test_a_pod_that_goes_never_has_work_in_two_hundred_races"
)

SCALING_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="a-drain-looks-without-the-lock",
        invariant="I10",
        path="executors/services/draining.py",
        old='rows.select_for_update(of=("self",), no_key=True, skip_locked=True)',
        new="rows.all()",
        tests=(RACES,),
    ),
    Seed(
        name="assign-takes-agents-without-a-lock",
        invariant="I10",
        path="executors/services/dispatch.py",
        old="AND not_now_since IS NULL AND archived_at IS NULL\n"
        "    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) agent",
        new="AND not_now_since IS NULL AND archived_at IS NULL\n    ORDER BY id) agent",
        tests=(RACES,),
    ),
    Seed(
        name="a-pod-is-deleted-without-draining",
        invariant="I10",
        path="executors/services/draining.py",
        old="    _draining(agents, now=now)\n",
        new="",
        tests=(RACES, "tests/services/test_scaling.py"),
    ),
    Seed(
        name="busy-pods-are-surplus-too",
        invariant="I10",
        path="executors/pod_loads.py",
        old="return not self.busy and not self.held",
        new="return not self.busy",
        tests=("tests/services/test_scaling.py",),
    ),
    Seed(
        name="work-leaves-its-pod-unshielded",
        invariant="I10",
        path="executors/services/dispatch.py",
        old="        shielding.took_work(pool, handed, now=now)\n",
        new="        pass\n",
        tests=("tests/services/test_scaling.py",),
    ),
    Seed(
        name="a-pod-for-one-task-takes-any",
        invariant="I9",
        path="executors/core/fleet.py",
        old="self.is_for_any = candidate.task_id is None",
        new="self.is_for_any = True",
        tests=("tests/core/test_packing.py",),
    ),
    Seed(
        name="what-is-not-gone-yet-does-not-count",
        invariant="I10",
        path="pools/core/autoscale.py",
        old="room = max(self.policy.most - len(self.pods), 0)",
        new="room = max(self.policy.most - len(self.serving), 0)",
        tests=("tests/core/test_autoscale.py",),
    ),
)
