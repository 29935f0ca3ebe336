"""Which state may a task or an attempt move to, and by what?

    pending --assign--> dispatching --started--> running --succeeded--> completed
       ^                     |                      |--failed--> failed       (or retry: pending)
       |<-- returned --------|----------------------|--timed_out--> timed_out (or retry: pending)
       |                     |----------------------|--cancelled--> cancelled
       |                     |----------------------|--unsure--> unknown --adopted--> running
       |                                            |--planned--> apply_pending
       |<-- returned: its plan is gone -------------------------------|--assign--> dispatching
                                                                      |--cancelled--> cancelled

The tables are the whole law. PostgreSQL repeats them: CHECK constraints come from these enums,
and a trigger refuses to move a final state (`executors/migrations`).
"""

from enum import StrEnum
from typing import Final


class TaskState(StrEnum):
    """What a person sees of a task."""

    PENDING = "pending"
    DISPATCHING = "dispatching"
    RUNNING = "running"
    APPLY_PENDING = "apply_pending"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class TaskEvent(StrEnum):
    """What can happen to a task."""

    ASSIGN = "assign"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    PLANNED = "planned"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    UNSURE = "unsure"
    ADOPTED = "adopted"


class AttemptState(StrEnum):
    """One try of a task on one slot."""

    ASSIGNED = "assigned"
    RUNNING = "running"
    HELD = "held"
    STOPPING = "stopping"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"
    REFUSED = "refused"


class AttemptEvent(StrEnum):
    """What can happen to an attempt."""

    STARTED = "started"
    STOP = "stop"
    HOLD = "hold"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"
    LOST = "lost"
    UNSURE = "unsure"
    ADOPTED = "adopted"


class StopReason(StrEnum):
    """Why an attempt was told to stop, or ended without being told."""

    NONE = ""
    CANCEL = "cancel"
    RUN_DEADLINE = "run_deadline"
    SILENCE_DEADLINE = "silence_deadline"
    AGENT_STOP = "agent_stop"
    DISCONNECTED = "disconnected"
    RUNNER_LOST = "runner_lost"


_T, _TE = TaskState, TaskEvent
_A, _AE = AttemptState, AttemptEvent

TASK_TERMINAL: Final = frozenset({_T.COMPLETED, _T.FAILED, _T.CANCELLED, _T.TIMED_OUT})
TASK_HELD: Final = frozenset({_T.DISPATCHING, _T.RUNNING, _T.APPLY_PENDING, _T.UNKNOWN})

ATTEMPT_TERMINAL: Final = frozenset({_A.SUCCEEDED, _A.FAILED, _A.STOPPED, _A.LOST, _A.REFUSED})
ATTEMPT_CURRENT: Final = frozenset(_A) - ATTEMPT_TERMINAL
# The same as plain words in one order, as queries take them.
CURRENT_WORDS: Final = sorted(str(state) for state in ATTEMPT_CURRENT)

DEADLINE_REASONS: Final = frozenset({StopReason.RUN_DEADLINE, StopReason.SILENCE_DEADLINE})

TASK_TABLE: Final[dict[tuple[TaskState, TaskEvent], TaskState]] = {
    (_T.PENDING, _TE.ASSIGN): _T.DISPATCHING,
    (_T.PENDING, _TE.CANCELLED): _T.CANCELLED,
    (_T.PENDING, _TE.TIMED_OUT): _T.TIMED_OUT,
    (_T.PENDING, _TE.FAILED): _T.FAILED,
    (_T.DISPATCHING, _TE.STARTED): _T.RUNNING,
    (_T.DISPATCHING, _TE.RETURNED): _T.PENDING,
    (_T.DISPATCHING, _TE.FAILED): _T.FAILED,
    (_T.DISPATCHING, _TE.TIMED_OUT): _T.TIMED_OUT,
    (_T.DISPATCHING, _TE.CANCELLED): _T.CANCELLED,
    (_T.DISPATCHING, _TE.UNSURE): _T.UNKNOWN,
    (_T.RUNNING, _TE.SUCCEEDED): _T.COMPLETED,
    (_T.RUNNING, _TE.PLANNED): _T.APPLY_PENDING,
    (_T.RUNNING, _TE.FAILED): _T.FAILED,
    (_T.RUNNING, _TE.TIMED_OUT): _T.TIMED_OUT,
    (_T.RUNNING, _TE.CANCELLED): _T.CANCELLED,
    (_T.RUNNING, _TE.RETURNED): _T.PENDING,
    (_T.RUNNING, _TE.UNSURE): _T.UNKNOWN,
    (_T.APPLY_PENDING, _TE.ASSIGN): _T.DISPATCHING,
    (_T.APPLY_PENDING, _TE.RETURNED): _T.PENDING,
    (_T.APPLY_PENDING, _TE.CANCELLED): _T.CANCELLED,
    (_T.APPLY_PENDING, _TE.UNSURE): _T.UNKNOWN,
    (_T.UNKNOWN, _TE.ADOPTED): _T.RUNNING,
    (_T.UNKNOWN, _TE.RETURNED): _T.PENDING,
    (_T.UNKNOWN, _TE.SUCCEEDED): _T.COMPLETED,
    (_T.UNKNOWN, _TE.FAILED): _T.FAILED,
    (_T.UNKNOWN, _TE.TIMED_OUT): _T.TIMED_OUT,
    (_T.UNKNOWN, _TE.CANCELLED): _T.CANCELLED,
    (_T.UNKNOWN, _TE.UNSURE): _T.UNKNOWN,
}

ATTEMPT_TABLE: Final[dict[tuple[AttemptState, AttemptEvent], AttemptState]] = {
    (_A.ASSIGNED, _AE.STARTED): _A.RUNNING,
    (_A.ASSIGNED, _AE.REFUSED): _A.REFUSED,
    (_A.ASSIGNED, _AE.STOP): _A.STOPPING,
    (_A.ASSIGNED, _AE.STOPPED): _A.STOPPED,
    (_A.ASSIGNED, _AE.FAILED): _A.FAILED,
    (_A.ASSIGNED, _AE.LOST): _A.LOST,
    (_A.ASSIGNED, _AE.UNSURE): _A.UNKNOWN,
    (_A.RUNNING, _AE.SUCCEEDED): _A.SUCCEEDED,
    (_A.RUNNING, _AE.FAILED): _A.FAILED,
    (_A.RUNNING, _AE.HOLD): _A.HELD,
    (_A.RUNNING, _AE.STOP): _A.STOPPING,
    (_A.RUNNING, _AE.STOPPED): _A.STOPPED,
    (_A.RUNNING, _AE.LOST): _A.LOST,
    (_A.RUNNING, _AE.UNSURE): _A.UNKNOWN,
    (_A.HELD, _AE.SUCCEEDED): _A.SUCCEEDED,
    (_A.HELD, _AE.STOPPED): _A.STOPPED,
    (_A.HELD, _AE.LOST): _A.LOST,
    (_A.HELD, _AE.UNSURE): _A.UNKNOWN,
    (_A.STOPPING, _AE.STOP): _A.STOPPING,
    (_A.STOPPING, _AE.SUCCEEDED): _A.SUCCEEDED,
    (_A.STOPPING, _AE.FAILED): _A.FAILED,
    (_A.STOPPING, _AE.STOPPED): _A.STOPPED,
    (_A.STOPPING, _AE.REFUSED): _A.REFUSED,
    (_A.STOPPING, _AE.LOST): _A.LOST,
    (_A.STOPPING, _AE.UNSURE): _A.UNKNOWN,
    (_A.UNKNOWN, _AE.ADOPTED): _A.RUNNING,
    (_A.UNKNOWN, _AE.SUCCEEDED): _A.SUCCEEDED,
    (_A.UNKNOWN, _AE.FAILED): _A.FAILED,
    (_A.UNKNOWN, _AE.STOPPED): _A.STOPPED,
    (_A.UNKNOWN, _AE.LOST): _A.LOST,
    (_A.UNKNOWN, _AE.UNSURE): _A.UNKNOWN,
}
