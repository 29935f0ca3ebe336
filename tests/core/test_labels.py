"""Labels: Kubernetes' syntax, exact matches, and problems that name the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.core import labels
from k8s4r.core.errors import Invalid

TEXT = st.text("abc", min_size=1, max_size=3)
LABELS = st.dictionaries(TEXT, TEXT, max_size=4)


@given(LABELS, LABELS)
def test_labels_match_when_every_required_one_is_there_with_its_value(
    required: dict[str, str], more: dict[str, str]
) -> None:
    assert labels.matches(required, {**more, **required})
    assert labels.matches(required, more) == all(
        key in more and more[key] == value for key, value in required.items()
    )


@given(LABELS, LABELS)
def test_a_missing_label_is_named_exactly_when_nothing_matches(
    required: dict[str, str], found: dict[str, str]
) -> None:
    key = labels.first_missing(required, found)
    assert (key is None) == labels.matches(required, found)
    assert key is None or found.get(key) != required[key]


def test_of_several_missing_labels_the_first_by_name_is_told() -> None:
    assert labels.first_missing({"b": "1", "a": "1", "c": "1"}, {"a": "1"}) == "b"


def test_an_empty_value_has_to_be_there_too() -> None:
    assert not labels.matches({"gpu": ""}, {})
    assert labels.matches({"gpu": ""}, {"gpu": ""})


@pytest.mark.parametrize(
    "key",
    ["gpu", "GPU_1.x", "a", "k8s4r.io/zone", "a-b.c-d/e", "x" * 63, f"{'a.' * 126}a/name"],
)
def test_a_key_as_kubernetes_allows_it_is_fine(key: str) -> None:
    assert labels.problems({key: "value"}) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "-gpu",
        "gpu-",
        "a b",
        "gpu\n",
        "gpu\x00",
        "größe",
        "x" * 64,
        "/name",
        "k8s4r.io/",
        "K8S4R.io/zone",
        "a/b/c",
        "a..b/c",
        f"{'a.' * 127}a/name",
        f"{'a' * 64}.io/name",
    ],
)
def test_a_key_that_breaks_the_syntax_is_named(key: str) -> None:
    assert [problem.rule for problem in labels.problems({key: "value"})] == ["label_key"]


@pytest.mark.parametrize("value", ["", "a", "A100", "1.2_3-4", "x" * 63])
def test_a_value_as_kubernetes_allows_it_is_fine(value: str) -> None:
    assert labels.problems({"key": value}) == []


@pytest.mark.parametrize("value", ["-a", "a-", "a b", "x" * 64, "a/b", "a\n", "\x00", 5, None, []])
def test_a_value_that_breaks_the_syntax_is_named(value: object) -> None:
    assert [problem.rule for problem in labels.problems({"key": value})] == ["label_value"]


def test_a_problem_points_at_its_key() -> None:
    [problem] = labels.problems({"k8s4r.io/zone": "a b"}, at="/tasks/3/labels")
    assert problem.pointer == "/tasks/3/labels/k8s4r.io~1zone"


def test_too_many_labels_are_one_problem() -> None:
    found = labels.problems({f"key{number}": "" for number in range(65)})
    assert [(problem.pointer, problem.rule) for problem in found] == [("/labels", "max_items")]


def test_checking_names_every_wrong_label_at_once() -> None:
    with pytest.raises(Invalid) as refusal:
        labels.check({"-a": "x", "b": "-"})
    assert [problem.pointer for problem in refusal.value.errors] == ["/labels/-a", "/labels/b"]


def test_a_list_of_pairs_is_read_as_a_map() -> None:
    assert labels.parse(["gpu=a100", "zone="]) == {"gpu": "a100", "zone": ""}


@pytest.mark.parametrize(
    ("items", "pointer", "rule"),
    [
        (["gpu"], "/labels/0", "label_form"),
        (["a=1", "a=2"], "/labels/1", "unique"),
        (["a=b=c"], "/labels/a", "label_value"),
    ],
)
def test_a_pair_that_cannot_be_read_is_named(items: list[str], pointer: str, rule: str) -> None:
    with pytest.raises(Invalid) as refusal:
        labels.parse(items)
    [problem] = refusal.value.errors
    assert (problem.pointer, problem.rule) == (pointer, rule)
