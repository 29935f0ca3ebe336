"""What did a supervisor leave behind that was killed? Found by its records, and stopped."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from k8s4r.embedded import records
from k8s4r.embedded.programs import KILL, StopStep

# Put into the environment of every part, so that also a child of a dead part is recognised.
PART_MARK = "K8S4R_PART"
HOME_MARK = "K8S4R_PART_HOME"


def stop(run: Path, name: str, steps: tuple[StopStep, ...]) -> int | None:
    """Stop the recorded process of a part, if it still runs, and return its pid."""
    path = run / f"{name}.json"
    record = records.read(path)
    stopped = None
    if record and record.is_alive():
        _stop_process(record, steps)
        stopped = record.pid
    path.unlink(missing_ok=True)
    return stopped


def kill_orphans(home: Path, name: str) -> list[int]:
    """Kill the processes that carry the mark of a part; return their pids."""
    found = list(_marked(home, name))
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=KILL.grace_s)
    return [process.pid for process in found]


def _stop_process(record: records.Record, steps: tuple[StopStep, ...]) -> None:
    for step in (*steps, KILL):
        # Asked right before each signal: the pid may by now be somebody else's.
        if not record.is_alive():
            return
        try:
            process = psutil.Process(record.pid)
            os.kill(record.pid, step.signal)
            process.wait(step.grace_s)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return
        except psutil.TimeoutExpired:
            continue


def _marked(home: Path, name: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get(PART_MARK) == name and environment.get(HOME_MARK) == str(home):
            yield process
