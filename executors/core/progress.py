"""Does what was told of a task's progress still count?"""

from executors.core.lifecycle import TaskState


def is_present(told_by: int | None, *, attempts_made: int, state: str) -> bool:
    """Was it the latest attempt that told it, and is the task not back in the queue?

    A retry begins at nothing; what ended keeps what its last attempt said.
    """
    return told_by is not None and told_by == attempts_made and state != TaskState.PENDING
