"""How did a task end, in an exit code and in words?"""

from collections.abc import Mapping
from typing import Any, Final

from k8s4r.cli.errors import ExitCode

FINAL: Final = frozenset({"completed", "failed", "cancelled", "timed_out"})
_SIGNALLED: Final = 128
# Reasons that only repeat what a number says.
_SAID_BY_NUMBERS: Final = frozenset({"exit_code", "signal"})


def exit_code(task: Mapping[str, Any]) -> int:
    """Return the task's own code, as a shell that had run it would.

    A signal is 128 and its number; a failure without either is 1, and so is a deadline; a
    cancelled task is 2, for a person wanted it.
    """
    state, code, signal = task.get("state"), task.get("exit_code"), task.get("signal")
    if state == "completed":
        return ExitCode.DONE
    if state == "cancelled":
        return ExitCode.CANCELLED
    if state == "failed" and isinstance(signal, int) and signal > 0:
        return _SIGNALLED + signal
    if state == "failed" and isinstance(code, int) and 0 < code < 256:
        return code
    return ExitCode.FAILED


def sentence(task: Mapping[str, Any]) -> str:
    """Return how it ended: ``failed: exit code 3, process_run_error, no such file``."""
    facts = []
    if task.get("exit_code") is not None and task.get("signal") is None:
        facts.append(f"exit code {task['exit_code']}")
    if task.get("signal") is not None:
        facts.append(f"signal {task['signal']}")
    said = _SAID_BY_NUMBERS | {task.get("state"), None, ""}
    words = (task.get(name) for name in ("reason", "message"))
    facts += [str(word) for word in words if word not in said]
    state = str(task.get("state", "")).replace("_", " ")
    return f"{state}: {', '.join(facts)}" if facts else state
