"""The seeded bugs of plans, decisions and applies."""

from tests.mutants.seed import Seed

_SERVICES = ("tests/services/test_approvals.py", "tests/services/test_lost_plans.py")

PLAN_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="apply-whatever-lies-there",
        invariant="I12",
        path="agents/client/runner/plan_file.py",
        old='if (found.sha256 if found else "") == sha256 and os.path.isdir(folder):',
        new="if os.path.isdir(folder):",
        tests=(
            "tests/agent/test_plans.py::test_what_is_not_the_plan_that_was_approved_is_not_applied",
        ),
    ),
    Seed(
        name="approve-any-plan",
        invariant="I12",
        path="executors/services/approvals.py",
        old="if decision.attempt_id not in {None, plan.pk}:",
        new="if False:",
        tests=_SERVICES,
    ),
    Seed(
        name="approve-one's-own-plan",
        invariant="I12",
        path="executors/services/approvals.py",
        old="if task.owner_id == decision.person.id:",
        new="if False:",
        tests=_SERVICES,
    ),
    Seed(
        name="approve-without-the-task's-lock",
        invariant="I12",
        path="executors/services/locking.py",
        old='return {task.pk: task for task in rows.select_for_update(of=("self",), no_key=True)}',
        new="return {task.pk: task for task in rows}",
        tests=("tests/concurrency/test_approvals.py",),
    ),
    Seed(
        name="a-lost-plan-is-still-approvable",
        invariant="I12",
        path="executors/core/reunion.py",
        old="    elif attempt.phase != APPLY and not attempt.is_restored:",
        new="    elif attempt.state is AttemptState.HELD:\n        pass\n"
        "    elif attempt.phase != APPLY and not attempt.is_restored:",
        tests=_SERVICES,
    ),
    Seed(
        name="a-lost-apply-is-tried-again",
        invariant="I14",
        path="executors/core/endings.py",
        old="    if phase == APPLY:\n        return AttemptEvent.UNSURE\n",
        new="",
        tests=_SERVICES,
    ),
    Seed(
        name="a-runner's-word-ends-its-apply",
        invariant="I14",
        path="executors/core/results.py",
        old="APPLIES: Final = Sense(loss=AttemptEvent.UNSURE)",
        new="APPLIES: Final = Sense()",
        tests=_SERVICES,
    ),
    Seed(
        name="an-unlisted-apply-is-lost",
        invariant="I14",
        path="executors/core/reunion.py",
        old="    elif attempt.phase != APPLY and not attempt.is_restored:",
        new="    elif not attempt.is_restored:",
        tests=_SERVICES,
    ),
)
