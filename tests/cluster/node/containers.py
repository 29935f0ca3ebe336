"""How does one container live? It is started, ends, waits, and is started again."""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cluster.node import logs, statuses
from tests.cluster.node.contents import expanded
from tests.cluster.node.volumes import Mount

Json = dict[str, Any]
INSIDE = Path(__file__).with_name("inside.py")
CHECKOUT = Path(__file__).resolve().parents[3]
PYTHON = Path(sys.prefix) / "bin"
PATH = f"{PYTHON}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Kubernetes begins with 10 s and stops at 300: a test has less time.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 20.0
NOT_FOUND = 127


@dataclass(slots=True)
class Container:
    """One container of a pod, over all its restarts.

    Attributes:
        folder: where its logs are, one file for each start.
        changed: called whenever its state is another.
        killed_as: why we killed it, as Kubernetes names it; empty for none.
    """

    spec: Json
    pod: Json
    folder: Path
    environment: dict[str, str]
    mounts: list[Mount]
    changed: Callable[[], None]
    state: Json = field(default_factory=lambda: statuses.waiting("ContainerCreating"))
    last: Json | None = None
    restarts: int = 0
    id: str = ""
    killed_as: str = ""
    is_stopping: bool = False
    is_final: bool = False
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)
    _process: asyncio.subprocess.Process | None = None
    _task: "asyncio.Task[None] | None" = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def status(self) -> Json:
        """Return its entry in the pod's status."""
        return statuses.container(
            self.spec, self.state, last=self.last, restarts=self.restarts, id_=self.id
        )

    def log(self, *, is_previous: bool = False) -> Path | None:
        """Return the file of what it says, or said before its last restart."""
        path = self.folder / f"{self.restarts - is_previous}.log"
        return path if path.exists() else None

    def begin(self) -> None:
        """Start it and keep it running, as its pod's restart policy says."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            code = await self._run_once()
            if self.is_stopping or not self._is_restarted(code):
                break
            self.last = self.state
            message = f"back-off {pause_s:g}s restarting failed container={self.spec['name']}"
            self._now(statuses.waiting("CrashLoopBackOff", message))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause_s)
            if self._stop.is_set():
                self.state = self.last
                break
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            self.restarts += 1
        self.is_final = True
        self.has_ended.set()
        self.changed()

    def _is_restarted(self, code: int) -> bool:
        policy = self.pod["spec"].get("restartPolicy", "Always")
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    async def _run_once(self) -> int:
        self.has_ended.clear()
        self.id, self.killed_as = uuid.uuid4().hex, ""
        began = datetime.now(UTC)
        path = self.folder / f"{self.restarts}.log"
        path.touch()
        spec = self.folder / "spec.json"
        spec.write_text(json.dumps(self._inside()))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", INSIDE, spec, str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self._now(statuses.running(began))
        assert self._process.stdout is not None
        await logs.record(self._process.stdout, path)
        code = await self._process.wait()
        code = 128 - code if code < 0 else code
        reason = self.killed_as or ("StartError" if self._did_not_start(code, path) else "")
        self._now(statuses.terminated(code, began, datetime.now(UTC), reason=reason))
        self.has_ended.set()
        return code

    def _did_not_start(self, code: int, path: Path) -> bool:
        with path.open("rb") as log:
            return code >= NOT_FOUND and b"container could not be started: " in log.read(200)

    def _inside(self) -> Json:
        container = self.spec
        words = [*container.get("command", []), *container.get("args", [])]
        metadata = self.pod["metadata"]
        variables = {"PATH": PATH, "HOME": "/", "HOSTNAME": metadata["name"], **self.environment}
        security = container.get("securityContext", {})
        return {
            "argv": [expanded(word, self.environment) for word in words] or ["sleep", "infinity"],
            "env": variables,
            "cwd": container.get("workingDir", "/"),
            "hostname": metadata["name"][:63],
            "read_only_root": security.get("readOnlyRootFilesystem", False),
            "mounts": [asdict(mount) for mount in self.mounts],
            "keep": [str(CHECKOUT), sys.prefix, sys.base_prefix],
        }

    def _now(self, state: Json) -> None:
        self.state = state
        self.changed()

    async def stop(self, grace_s: float) -> None:
        """End it for good: SIGTERM to its first process, SIGKILL when the grace is over."""
        self.is_stopping = True
        self._stop.set()
        if self._task is None:
            self.is_final = True
            return
        if grace_s > 0:
            self._signal(signal.SIGTERM)
            await asyncio.wait([self._task], timeout=grace_s)
        self.kill()
        await asyncio.wait([self._task])

    def kill(self, reason: str = "") -> None:
        """End it at once; its pod's restart policy decides what follows."""
        if self._process is not None and self._process.returncode is None:
            self.killed_as = self.killed_as or reason
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
