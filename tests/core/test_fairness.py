"""Whose turn it is: priority, then fair share, then age; and nobody starves."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from executors.core.fairness import OwnerKey, Queued, Shares, band, in_turn, sort_key
from tests.core.values import owner_id, project_id, queued, task_id

WEIGHT_S = 600.0

TASKS = st.lists(
    st.builds(
        queued,
        st.integers(0, 10**6),
        key=st.floats(-2000, 2000),
        project=st.sampled_from("pqr"),
        owner=st.sampled_from("abc"),
    ),
    unique_by=lambda task: task.task_id,
    max_size=40,
)


def served(
    tasks: list[Queued],
    *,
    held: Mapping[OwnerKey, int] | None = None,
    weights: Mapping[UUID, float] | None = None,
) -> list[Queued]:
    """Return all tasks in the order in which they are served when each gets a slot."""
    shares = Shares(held or {}, weights or {})
    order = []
    for task in in_turn(tasks, shares=shares, aging_weight_s=WEIGHT_S):
        order.append(task)
        shares.took_slot(task)
    return order


def numbers(tasks: list[Queued]) -> list[int]:
    return [task.task_id.int - task_id(0).int for task in tasks]


def test_a_point_of_priority_is_worth_the_aging_weight() -> None:
    assert sort_key(10_000, 0, WEIGHT_S) == 10_000
    assert sort_key(10_000, 3, WEIGHT_S) == sort_key(10_000 - 3 * WEIGHT_S, 0, WEIGHT_S)


def test_a_band_is_as_wide_as_the_aging_weight() -> None:
    assert [band(key, WEIGHT_S) for key in (-0.1, 0, 599.9, 600)] == [-1, 0, 0, 1]


def test_within_one_share_the_older_task_comes_first_then_the_lower_id() -> None:
    tasks = [queued(3, key=1), queued(1, key=2), queued(2, key=1)]
    assert numbers(served(tasks)) == [2, 3, 1]


def test_projects_take_turns_however_many_tasks_one_brings() -> None:
    greedy = [queued(n, key=n, project="p") for n in range(6)]
    modest = [queued(n, key=n, project="q") for n in (10, 11)]
    assert numbers(served(greedy + modest)) == [0, 10, 1, 11, 2, 3, 4, 5]


def test_owners_of_one_project_take_turns() -> None:
    greedy = [queued(n, key=n, owner="a") for n in range(4)]
    modest = [queued(n, key=n, owner="b") for n in (10, 11)]
    assert numbers(served(greedy + modest)) == [0, 10, 1, 11, 2, 3]


def test_a_project_is_not_favoured_for_having_many_owners() -> None:
    many = [queued(n, key=n, project="p", owner=f"o{n}") for n in range(4)]
    one = [queued(n, key=n, project="q") for n in (10, 11)]
    assert numbers(served(many + one)) == [0, 10, 1, 11, 2, 3]


def test_who_holds_slots_already_waits_for_the_others() -> None:
    tasks = [queued(n, key=n, project=p) for n, p in enumerate("ppqqq")]
    held = {(project_id("p"), owner_id("o")): 2}
    assert numbers(served(tasks, held=held)) == [2, 3, 0, 4, 1]


def test_a_project_of_twice_the_weight_gets_twice_the_slots() -> None:
    tasks = [queued(n, key=0, project="pq"[n % 2]) for n in range(60)]
    first = served(tasks, weights={project_id("p"): 2.0})[:30]
    assert Counter(task.project_id for task in first) == {
        project_id("p"): 20,
        project_id("q"): 10,
    }


def test_priority_goes_before_fair_share() -> None:
    urgent = [queued(n, key=sort_key(n, 5, WEIGHT_S), project="p") for n in range(3)]
    plain = [queued(n, key=n, project="q") for n in (10, 11)]
    assert numbers(served(urgent + plain)) == [0, 1, 2, 10, 11]


@given(TASKS)
def test_every_task_is_served_once(tasks: list[Queued]) -> None:
    assert Counter(served(tasks)) == Counter(tasks)


@given(TASKS, st.randoms())
def test_the_order_in_which_tasks_are_listed_does_not_count(
    tasks: list[Queued], random: Random
) -> None:
    shuffled = random.sample(tasks, len(tasks))
    assert served(shuffled) == served(tasks)


@given(TASKS)
def test_bands_are_served_in_order(tasks: list[Queued]) -> None:
    """So no task starves: only tasks of its own and older bands can come before it."""
    bands = [band(task.sort_key, WEIGHT_S) for task in served(tasks)]
    assert bands == sorted(bands)


@given(st.integers(1, 5), st.integers(1, 40), st.randoms())
def test_projects_that_have_work_stay_within_one_slot_of_each_other(
    projects: int, slots: int, random: Random
) -> None:
    tasks = [
        queued(n, key=random.uniform(0, 599), project=str(n % projects), owner=random.choice("ab"))
        for n in range(projects * slots)
    ]
    got = Counter(task.project_id for task in served(tasks)[:slots])
    shares = [got[project_id(str(n))] for n in range(projects)]
    assert max(shares) - min(shares) <= 1


@given(TASKS)
def test_it_is_the_order_of_the_definition(tasks: list[Queued]) -> None:
    """The slow way: look at everything before each turn."""
    shares = Shares({}, {})
    left, expected = list(tasks), []
    while left:
        first = min(
            left,
            key=lambda task: (
                band(task.sort_key, WEIGHT_S),
                shares.of_project(task.project_id),
                shares.by_pair[task.project_id, task.owner_id],
                task.sort_key,
                task.task_id,
            ),
        )
        left.remove(first)
        shares.took_slot(first)
        expected.append(first)
    assert served(tasks) == expected


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0.001, 1e6)), max_size=30))
def test_nothing_that_comes_later_than_its_priority_is_worth_passes_an_old_task(
    rivals: list[tuple[int, float]],
) -> None:
    """However many they are, and however many slots the old task's owner holds.

    So the wait of the least task is bounded by the work before it, not by what still comes.
    """
    old = queued(0, key=sort_key(0, 0, WEIGHT_S), project="greedy")
    later = [
        queued(n, key=sort_key((priority + 1) * WEIGHT_S + late_s, priority, WEIGHT_S))
        for n, (priority, late_s) in enumerate(rivals, start=1)
    ]
    held = {(project_id("greedy"), owner_id("o")): 1000}
    assert served([*later, old], held=held)[0] == old
