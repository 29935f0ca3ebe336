"""What a person may ask for, field by field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core import requests
from executors.core.endings import policy_from
from executors.core.requests import MOST_PROBLEMS, RetryAsked
from executors.core.retry import RetryOn, RetryPolicy
from executors.core.specs import COMMAND_BYTES
from k8s4r.core.backoff import Growth
from k8s4r.core.errors import DomainError, Invalid, Malformed

TRUE = {"spec": {"argv": ["/bin/true"]}}


def refused(body, *, min_lost_after_s=30):
    with pytest.raises(DomainError) as error:
        requests.read(body, min_lost_after_s=min_lost_after_s)
    return error.value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
fields = st.sampled_from([*requests.TaskRequest.__struct_fields__, "state", "owner"])


def problems_of(body):
    """Return what is wrong with a body, ``None`` when it is accepted."""
    try:
        requests.read(body, min_lost_after_s=30)
    except (Malformed, Invalid) as error:
        return error.errors
    return None


@given(st.dictionaries(fields, json_values, max_size=6) | json_values)
def test_any_json_is_accepted_or_refused_by_field_and_rule(body):
    problems = problems_of(body)
    assert problems is None or problems
    assert all(each.rule and each.detail for each in problems or ())


def test_all_problems_of_a_task_are_named_at_once():
    error = refused({"priority": 101, "driver": "x", "nonsense": 1, "name": "a" * 300})
    assert {each.pointer for each in error.errors} == {"/priority", "/driver", "/nonsense", "/name"}


def test_problems_of_a_list_are_named_with_their_index_and_not_without_end():
    error = refused([TRUE, {}, *[{"x": 1}] * 100])
    assert error.errors[0].pointer == "/1/spec/argv"
    assert error.errors[1].pointer == "/2/x"
    assert len(error.errors) == MOST_PROBLEMS


def test_another_type_is_bad_form_and_a_broken_rule_bad_meaning():
    assert isinstance(refused({**TRUE, "priority": "5"}), Malformed)
    assert isinstance(refused({**TRUE, "priority": 500}), Invalid)
    assert isinstance(refused({**TRUE, "priority": True}), Malformed)
    assert isinstance(refused({**TRUE, "priority": 1.5}), Malformed)


def test_the_smallest_lease_is_a_setting():
    assert requests.read({**TRUE, "lost_after_s": 5}, min_lost_after_s=5)
    assert refused({**TRUE, "lost_after_s": 4}, min_lost_after_s=5).errors[0].rule == "bounds"


def test_arguments_together_fit_what_the_kernel_starts():
    fits = {"spec": {"argv": ["a" * 100_000] * 10}}
    assert requests.read(fits, min_lost_after_s=30)
    error = refused({"spec": {"argv": ["a" * 120_000] * (COMMAND_BYTES // 120_000 + 1)}})
    assert [(each.pointer, each.rule) for each in error.errors] == [("/spec", "max_bytes")]


def test_a_key_of_a_map_is_named_in_its_pointer():
    error = refused({"spec": {"argv": ["a"], "env": {"A": 1, "B": "x"}}})
    assert [each.pointer for each in error.errors] == ["/spec/env/A"]


def test_the_policy_that_is_stored_is_the_policy_that_was_asked_for():
    asked = RetryAsked(attempts=7, delay=Growth.FIBONACCI, base_s=1, on=(RetryOn.FAILED,))
    assert policy_from(requests.stored_retry(asked)) == RetryPolicy(
        max_attempts=7, delay=Growth.FIBONACCI, base_s=1, on=frozenset({RetryOn.FAILED})
    )


def test_without_a_policy_nothing_is_stored_so_that_the_default_may_change():
    assert requests.stored_retry(None) == {}


TRUE_SPEC = TRUE["spec"]


@pytest.mark.parametrize(
    ("kind", "spec", "pointers"),
    [
        ("plan", {"plan": TRUE_SPEC}, None),
        ("plan_and_apply", {"plan": TRUE_SPEC, "apply": TRUE_SPEC}, None),
        ("plan", TRUE_SPEC, {"/spec/argv", "/spec/plan"}),
        ("plan", {"plan": TRUE_SPEC, "apply": TRUE_SPEC}, {"/spec/apply"}),
        ("plan_and_apply", {"plan": TRUE_SPEC}, {"/spec/apply"}),
        ("plan_and_apply", {"plan": {"argv": []}, "apply": {"argv": [""]}},
         {"/spec/plan/argv", "/spec/apply/argv/0"}),
        ("plan_and_apply", {"plan": TRUE_SPEC, "apply": {**TRUE_SPEC, "env": {"K8S4R_PHASE": ""}}},
         {"/spec/apply/env/K8S4R_PHASE"}),
        ("plan_and_apply", {"plan": TRUE_SPEC, "apply": {**TRUE_SPEC, "more": 1}},
         {"/spec/apply/more"}),
        ("plan_and_apply", {"plan": 1, "apply": TRUE_SPEC}, {"/spec/plan"}),
        ("exec", {"plan": TRUE_SPEC}, {"/spec/plan", "/spec/argv"}),
    ],
)  # fmt: skip
def test_each_phase_says_all_that_a_command_says_and_nothing_else(kind, spec, pointers):
    found = problems_of({"kind": kind, "spec": spec})
    assert (found and {each.pointer for each in found}) == pointers


def test_a_reservation_lasts_from_a_minute_to_a_month_and_else_a_day():
    assert requests.TaskRequest().reservation_timeout_s == 86_400
    for seconds, fits in ((59, False), (60, True), (2_592_000, True), (2_592_001, False)):
        problems = problems_of({**TRUE, "reservation_timeout_s": seconds})
        assert (problems is None) == fits
