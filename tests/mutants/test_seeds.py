"""Does each seeded bug still fit the code? `make mutants` runs them; this takes no time."""

import pytest

from tests.mutants.__main__ import ROOT
from tests.mutants.seeds import SEEDS

INVARIANTS = [f"I{number}" for number in (*range(1, 13), 14, 15, 18, 19)]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_seed_finds_its_place_and_its_tests(seed):
    assert (ROOT / seed.path).read_text().count(seed.old) == 1
    assert all((ROOT / test.partition("::")[0]).exists() for test in seed.tests)


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_every_invariant_has_a_seeded_bug(invariant):
    assert invariant in {seed.invariant for seed in SEEDS}


def test_every_seeded_bug_stands_in_the_table_of_invariants():
    table = (ROOT / "docs" / "invariants.md").read_text()
    assert [seed.name for seed in SEEDS if seed.name not in table] == []
