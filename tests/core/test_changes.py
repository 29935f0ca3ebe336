"""Merge patches, by the examples of RFC 7396, and what differs between two documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core.changes import Change, differences, merged

documents = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


# RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [1]}, {"a": [2, 3]}, {"a": [2, 3]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_is_applied_as_the_rfc_says(document, patch, result):
    assert merged(document, patch) == result


def test_differences_lead_to_what_is_added_changed_and_gone():
    before = {"priority": 1, "spec": {"env": {"A": "1", "B": "2"}, "argv": ["x"]}}
    after = {"priority": 1, "spec": {"env": {"A": "3", "C/D": "4"}, "argv": ["x"]}}
    assert list(differences(before, after)) == [
        Change("/spec/env/A", "1", "3"),
        Change("/spec/env/B", "2", None),
        Change("/spec/env/C~1D", None, "4"),
    ]


def test_what_is_new_in_a_map_that_was_not_there_is_named_itself():
    assert list(differences({}, {"env": {"A": "1"}})) == [Change("/env/A", None, "1")]
    assert list(differences({"env": {"A": "1"}}, {})) == [Change("/env/A", "1", None)]


@given(documents)
def test_what_is_the_same_has_no_differences(document):
    assert list(differences(document, document)) == []
