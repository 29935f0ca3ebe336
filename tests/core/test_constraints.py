"""Constraints: every operand over labels, capabilities and device facts."""

import pytest

from executors.core.constraints import Constraint, Operand, evaluate, find, problems, validate

FACTS: dict[str, object] = {
    "labels": {"gpu": "a100", "k8s4r.io/zone": "b", "release": "1.10", "empty": ""},
    "capabilities": {
        "drivers": ["exec", "noop"],
        "terraform": {"version": "1.9.8"},
        "cuda": True,
        "ratio": 2.0,
    },
    "device": {
        "cpu": {"logicalCores": 16, "modelName": "AMD EPYC 7763 64-Core Processor"},
        "memory": {"total": 137438953472},
        "disks": [{"total": 10}, {"total": 20}],
        "os": None,
    },
}


def holds(ltarget: str, operand: str, rtarget: str) -> bool:
    return evaluate(Constraint(ltarget, Operand(operand), rtarget), FACTS).ok


@pytest.mark.parametrize(
    ("ltarget", "operand", "rtarget", "ok"),
    [
        ("labels.gpu", "=", "a100", True),
        ("labels.gpu", "=", "A100", False),
        ("labels.gpu", "!=", "h100", True),
        ("labels.empty", "=", "", True),
        ("device.cpu.logicalCores", "=", "16", True),
        ("device.cpu.logicalCores", "=", "16.0", True),
        ("device.cpu.logicalCores", "!=", "8", True),
        ("capabilities.cuda", "=", "true", True),
        ("capabilities.ratio", "=", "2", True),
        ("capabilities.drivers", "=", "exec,noop", True),
    ],
)
def test_equality(ltarget: str, operand: str, rtarget: str, ok: bool) -> None:
    assert holds(ltarget, operand, rtarget) is ok


def test_a_label_that_looks_like_a_number_is_equal_only_to_its_own_text() -> None:
    assert holds("labels.release", "=", "1.10")
    assert not holds("labels.release", "=", "1.1")


@pytest.mark.parametrize(
    ("ltarget", "operand", "rtarget", "ok"),
    [
        ("device.cpu.logicalCores", ">", "9", True),
        ("device.cpu.logicalCores", ">=", "16", True),
        ("device.cpu.logicalCores", "<", "16", False),
        ("device.cpu.logicalCores", "<=", "1.6e1", True),
        ("device.memory.total", ">", "137438953471", True),
        ("labels.release", ">", "1.9", False),
        ("labels.gpu", ">", "a0", True),
        ("labels.gpu", "<", "9", False),
    ],
)
def test_order_is_by_number_between_numbers_and_else_by_text(
    ltarget: str, operand: str, rtarget: str, ok: bool
) -> None:
    assert holds(ltarget, operand, rtarget) is ok


def test_large_whole_numbers_are_compared_exactly() -> None:
    facts = {"device": {"bytes": 2**53 + 1}}
    assert evaluate(Constraint("device.bytes", Operand.GREATER, str(2**53)), facts).ok


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "0x10", "", "1e999", "٣"])
def test_words_that_python_would_read_as_numbers_are_text(text: str) -> None:
    """`float` reads all of these; an agent could use them to slip past a comparison."""
    verdict = evaluate(Constraint("labels.x", Operand.LESS, "5"), {"labels": {"x": text}})
    assert verdict.ok is (text < "5")


@pytest.mark.parametrize(
    ("ltarget", "rtarget", "ok"),
    [
        ("capabilities.drivers", "exec", True),
        ("capabilities.drivers", "noop, exec", True),
        ("capabilities.drivers", "exec,terraform", False),
        ("capabilities.terraform", "version", True),
        ("labels.gpu", "a100", True),
        ("device.cpu.logicalCores", "16", True),
    ],
)
def test_a_set_contains_every_item_that_is_named(ltarget: str, rtarget: str, ok: bool) -> None:
    assert holds(ltarget, "set_contains", rtarget) is ok


@pytest.mark.parametrize(
    ("ltarget", "rtarget", "ok"),
    [
        ("device.cpu.modelName", "^AMD EPYC 7[0-9]{3}", True),
        ("device.cpu.modelName", "Xeon", False),
        ("device.cpu.modelName", "(?i)amd epyc", True),
        ("labels.gpu", "a1|h1", True),
    ],
)
def test_a_pattern_may_match_anywhere(ltarget: str, rtarget: str, ok: bool) -> None:
    assert holds(ltarget, "regexp", rtarget) is ok


def test_only_the_first_thousand_characters_of_a_fact_are_searched() -> None:
    facts = {"labels": {"x": "a" * 1000 + "b"}}
    assert not evaluate(Constraint("labels.x", Operand.REGEXP, "b"), facts).ok


def test_a_version_lies_in_a_range() -> None:
    assert holds("capabilities.terraform.version", "version", ">= 1.5, < 2")
    assert not holds("capabilities.terraform.version", "version", "< 1.9")


@pytest.mark.parametrize("operand", sorted(set(Operand) - {Operand.UNEQUAL}))
def test_a_fact_that_is_missing_satisfies_nothing(operand: Operand) -> None:
    for path in ("labels.none", "device.os", "device.cpu.modelName.x", "device.disks.9"):
        verdict = evaluate(Constraint(path, operand, "1"), FACTS)
        assert (verdict.ok, verdict.found) == (False, None)


def test_a_fact_that_is_missing_is_different_from_anything() -> None:
    assert holds("labels.none", "!=", "a100")


def test_a_verdict_says_what_was_found() -> None:
    verdict = evaluate(Constraint("capabilities.drivers", Operand.EQUAL, "ray"), FACTS)
    assert verdict.found == "exec,noop"


@pytest.mark.parametrize(
    ("path", "fact"),
    [
        ("labels.k8s4r.io/zone", "b"),
        ("device.cpu.logicalCores", 16),
        ("device.disks.1.total", 20),
        ("device.disks.-1.total", None),
        ("labels", FACTS["labels"]),
        ("nowhere.at.all", None),
        ("labels.gpu.x", None),
    ],
)
def test_a_path_leads_to_a_fact_through_keys_with_dots_and_lists(path: str, fact: object) -> None:
    assert find(path, FACTS) == fact


def test_the_longest_key_wins() -> None:
    assert find("labels.a.b", {"labels": {"a": {"b": "short"}, "a.b": "long"}}) == "long"


@pytest.mark.parametrize(
    ("constraint", "pointer", "rule"),
    [
        (Constraint("gpu", Operand.EQUAL, "x"), "/ltarget", "fact_path"),
        (Constraint("labels.", Operand.EQUAL, "x"), "/ltarget", "fact_path"),
        (Constraint("secrets.x", Operand.EQUAL, "x"), "/ltarget", "fact_path"),
        (Constraint("labels." + "x" * 253, Operand.EQUAL, "x"), "/ltarget", "fact_path"),
        (Constraint("labels.x", Operand.EQUAL, "x" * 254), "/rtarget", "max_length"),
        (Constraint("labels.x", Operand.REGEXP, "x" * 201), "/rtarget", "regexp"),
        (Constraint("labels.x", Operand.REGEXP, "(a"), "/rtarget", "regexp"),
        (Constraint("labels.x", Operand.VERSION, "new"), "/rtarget", "version"),
        (Constraint("labels.x", Operand.VERSION, ""), "/rtarget", "version"),
        (Constraint("labels.x", Operand.SET_CONTAINS, " , "), "/rtarget", "required"),
    ],
)
def test_a_constraint_that_cannot_mean_anything_is_refused(
    constraint: Constraint, pointer: str, rule: str
) -> None:
    [problem] = validate(constraint)
    assert (problem.pointer, problem.rule) == (pointer, rule)


def test_problems_of_a_list_point_at_their_item() -> None:
    fine = Constraint("labels.x", Operand.EQUAL, "y")
    assert problems([fine]) == []
    [problem] = problems([fine, Constraint("x", Operand.EQUAL, "y")])
    assert problem.pointer == "/constraints/1/ltarget"
    assert [problem.rule for problem in problems([fine] * 33)] == ["max_items"]
