"""How was a task asked for? As the request that makes it once more, and as a command line."""

import shlex
from typing import Any, Final

import msgspec

from executors.core.requests import TaskRequest
from executors.models import Task
from executors.selectors import TaskRecord
from executors.services import rerunning

_USUAL: Final = msgspec.to_builtins(TaskRequest())


def command(task: Task) -> str:
    """Return the command as one would type it; empty when it runs none."""
    argv = task.spec.get("argv")
    return shlex.join(map(str, argv)) if isinstance(argv, list) else ""


def as_request(record: TaskRecord) -> dict[str, Any]:
    """Return the body that submits this task once more; what is as usual is left out."""
    body: dict[str, Any] = msgspec.to_builtins(rerunning.asked_again(record))
    body |= {"project": record.project_name, "pool": record.pool_name}
    return {key: value for key, value in body.items() if key == "spec" or value != _USUAL[key]}


def as_command(record: TaskRecord) -> str:
    """Return the line that submits this task; empty when the command line cannot say it."""
    argv, cwd = record.spec.get("argv"), record.spec.get("cwd")
    if not isinstance(argv, list) or record.constraints or record.resources:
        return ""
    pairs = {
        "--name": record.name,
        "--project": record.project_name if record.project_name != _USUAL["project"] else "",
        "--pool": record.pool_name if record.pool_name != _USUAL["pool"] else "",
        "--cwd": cwd or "",
        "--priority": str(record.priority or ""),
        "--timeout": f"{record.run_timeout_s}s" if record.run_timeout_s else "",
    }
    words = [word for flag, value in pairs.items() if value for word in (flag, value)]
    maps = {
        "--label": record.labels,
        "--require": record.required_labels,
        "--env": record.spec.get("env") or {},
    }
    for flag, values in maps.items():
        words += [word for key in sorted(values) for word in (flag, f"{key}={values[key]}")]
    return shlex.join(["k8s4r", "run", "--detach", *words, "--", *map(str, argv)])
