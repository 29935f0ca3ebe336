"""The tokens of tasks, and which progress still counts."""

import pytest

from agents.wire.proofs import task_token
from executors.core import progress


def test_the_same_attempt_gives_the_same_token_and_another_gives_another():
    assert task_token("att_a") == task_token("att_a")
    assert task_token("att_a") != task_token("att_b")


def test_a_tasks_token_has_the_form_of_all_tokens_and_names_the_key():
    token = task_token("att_" + "k" * 16 + "_" + "s" * 43 + "_00000000")
    kind, key_id, rest = token[:4], token[4:20], token[21:]
    assert (kind, key_id, len(rest)) == ("tsk_", "k" * 16, 43 + 1 + 8)
    assert "s" * 8 not in token


@pytest.mark.parametrize(
    ("told_by", "state", "counts"),
    [
        (2, "running", True),
        (2, "completed", True),
        (2, "pending", False),
        (1, "running", False),
        (None, "running", False),
    ],
)
def test_progress_counts_of_the_latest_attempt_that_is_not_waiting(told_by, state, counts):
    assert progress.is_present(told_by, attempts_made=2, state=state) is counts
