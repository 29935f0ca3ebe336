"""The law of tasks and attempts, read from its tables."""

from executors.core.lifecycle import (
    ATTEMPT_CURRENT,
    ATTEMPT_TABLE,
    ATTEMPT_TERMINAL,
    TASK_HELD,
    TASK_TABLE,
    TASK_TERMINAL,
    AttemptEvent,
    AttemptState,
    TaskEvent,
    TaskState,
)


def test_a_final_state_never_changes() -> None:
    assert not {state for state, _ in TASK_TABLE} & TASK_TERMINAL
    assert not {state for state, _ in ATTEMPT_TABLE} & ATTEMPT_TERMINAL


def test_every_state_is_reached_and_every_other_one_is_left() -> None:
    assert set(TASK_TABLE.values()) == set(TaskState)
    assert {state for state, _ in TASK_TABLE} == set(TaskState) - TASK_TERMINAL
    assert set(ATTEMPT_TABLE.values()) | {AttemptState.ASSIGNED} == set(AttemptState)
    assert {state for state, _ in ATTEMPT_TABLE} == ATTEMPT_CURRENT


def test_every_event_is_used() -> None:
    assert {event for _, event in TASK_TABLE} == set(TaskEvent)
    assert {event for _, event in ATTEMPT_TABLE} == set(AttemptEvent)


def test_every_task_can_still_end() -> None:
    ending = set(TASK_TERMINAL)
    for _ in TaskState:
        ending |= {state for (state, _), after in TASK_TABLE.items() if after in ending}
    assert ending == set(TaskState)


def test_a_task_waits_is_held_or_is_over() -> None:
    assert {TaskState.PENDING} | TASK_HELD | TASK_TERMINAL == set(TaskState)
    assert not TASK_HELD & TASK_TERMINAL


def test_only_a_waiting_task_is_assigned() -> None:
    assigned = {state for state, event in TASK_TABLE if event is TaskEvent.ASSIGN}
    assert assigned == {TaskState.PENDING, TaskState.APPLY_PENDING}


def test_an_attempt_never_goes_back_to_assigned() -> None:
    assert AttemptState.ASSIGNED not in ATTEMPT_TABLE.values()
