"""The ways that one statement may take a row."""

from executors.core.lifecycle import ATTEMPT_TABLE, TASK_TABLE, AttemptEvent, TaskEvent
from executors.core.steps import BEGINNINGS, Step, steps


def test_every_row_of_the_table_is_a_single_step():
    singles = [step for step in steps(TASK_TABLE) if not step.first]
    assert {(step.from_state, step.event): step.to_state for step in singles} == TASK_TABLE


def test_what_began_and_ended_takes_both_steps():
    assert Step("assigned", "started", "succeeded", "running", "succeeded") in steps(ATTEMPT_TABLE)
    assert Step("dispatching", "started", "failed", "running", "failed") in steps(TASK_TABLE)
    assert Step("unknown", "adopted", "stop", "running", "stopping") in steps(ATTEMPT_TABLE)


def test_two_steps_are_two_rows_of_the_table():
    for step in steps(ATTEMPT_TABLE):
        if step.first:
            between = ATTEMPT_TABLE[step.from_state, step.first]
            assert (between, step.to_state) == (step.via, ATTEMPT_TABLE[between, step.event])


def test_only_a_beginning_comes_first():
    firsts = {step.first for table in (TASK_TABLE, ATTEMPT_TABLE) for step in steps(table)} - {""}
    assert firsts == {TaskEvent.STARTED, TaskEvent.ADOPTED, AttemptEvent.STARTED}
    assert firsts == {str(event) for event in BEGINNINGS}
