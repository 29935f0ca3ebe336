"""The seeded bugs of who gets in by a second factor (I19)."""

from tests.mutants.seed import Seed

_RULES = "k8s4r/core/second_factor.py"
_SERVICE = "k8s4r/access/services/second_factor.py"

SIGNING_IN_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="a-code-is-good-again",
        invariant="I19",
        path=_RULES,
        old=" and step > last_step",
        new="",
        tests=("tests/core/test_second_factor.py", "tests/services/test_second_factor.py"),
    ),
    Seed(
        name="codes-are-judged-unlocked",
        invariant="I19",
        path=_SERVICE,
        old='    rows = SecondFactor.objects.select_for_update(of=("self",), no_key=True)\n'
        "    return rows.filter(user=user_id, confirmed_at__isnull=False).first()",
        new="    rows = SecondFactor.objects.all()\n"
        "    return rows.filter(user=user_id, confirmed_at__isnull=False).first()",
        tests=("tests/concurrency/test_second_factor.py",),
    ),
    Seed(
        name="a-recovery-code-is-good-again",
        invariant="I19",
        path=_SERVICE,
        old="    row.recovery_digests.remove(digest)\n",
        new="",
        tests=("tests/services/test_second_factor.py",),
    ),
    Seed(
        name="guesses-never-wait",
        invariant="I19",
        path=_SERVICE,
        old="        row.bad_codes += 1\n",
        new="",
        tests=("tests/services/test_second_factor.py",),
    ),
    Seed(
        name="sessions-outlive-the-second-factor",
        invariant="I19",
        path="k8s4r/access/models.py",
        old="        if self.factor_changed_at is None:\n            return of_password\n",
        new="        return of_password\n",
        tests=("tests/services/test_second_factor.py",),
    ),
)
