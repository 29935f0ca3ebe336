"""Under which reason is a task counted that did not end well?

Agents may give reasons of their own, and a label with unbounded values would flood whoever scrapes:
what is not listed counts as ``other``.
"""

from typing import Final

OTHER: Final = "other"
NONE: Final = ""

# Those of the server, then those of our own agent (docs/states.md).
KNOWN: Final = (
    "agent_lost",
    "cancelled",
    "plan_not_stored",
    "queue_deadline",
    "refused",
    "rejected",
    "reservation_deadline",
    "resolved",
    "run_deadline",
    "silence_deadline",
    "agent_stop",
    "cancel",
    "disconnected",
    "disk_full",
    "exit_code",
    "failed",
    "process_run_error",
    "runner_lost",
    "signal",
)
