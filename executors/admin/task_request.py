"""How was a task asked for? As the request that makes it once more, and as a command line."""

import shlex
from typing import Any, Final

import msgspec

from executors.core import specs
from executors.core.requests import TaskRequest
from executors.models import Task
from executors.selectors import TaskRecord
from executors.services import rerunning

_USUAL: Final = msgspec.to_builtins(TaskRequest())


def commands(task: Task) -> dict[str, str]:
    """Return the command of each phase as one would type it; phases without one are left out."""
    said = {phase: part.get("argv") for phase, part in specs.parts(task.kind, task.spec).items()}
    return {
        phase: shlex.join(map(str, argv)) for phase, argv in said.items() if isinstance(argv, list)
    }


def command(task: Task) -> str:
    """Return the command that the task begins with; empty when it runs none."""
    return next(iter(commands(task).values()), "")


def called(phase: str, name: str) -> str:
    """Return what people call something of a phase: "env", "plan env"."""
    return name if phase == specs.RUN else f"{phase} {name}"


def as_request(record: TaskRecord) -> dict[str, Any]:
    """Return the body that submits this task once more; what is as usual is left out."""
    body: dict[str, Any] = msgspec.to_builtins(rerunning.asked_again(record))
    body |= {"project": record.project_name, "pool": record.pool_name}
    return {key: value for key, value in body.items() if key == "spec" or value != _USUAL[key]}


def as_command(record: TaskRecord) -> str:
    """Return the line that submits this task; empty when the command line cannot say it."""
    only = specs.parts(record.kind, record.spec).get(specs.RUN, {})
    argv, cwd = only.get("argv"), only.get("cwd")
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
        "--env": only.get("env") or {},
    }
    for flag, values in maps.items():
        words += [word for key in sorted(values) for word in (flag, f"{key}={values[key]}")]
    return shlex.join(["k8s4r", "run", "--detach", *words, "--", *map(str, argv)])
