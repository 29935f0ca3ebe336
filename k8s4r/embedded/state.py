"""How is the platform, as its supervisor last said? Written on each change, read by anybody."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

NAME = "state.json"


class PartState(StrEnum):
    """What the supervisor knows about a part."""

    STARTING = "starting"
    READY = "ready"
    SILENT = "not answering"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"
    EXTERNAL = "external"


GOOD = frozenset({PartState.READY, PartState.EXTERNAL})


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part; ``restarts`` counts how often it died since `up`."""

    name: str
    state: PartState
    pid: int | None
    restarts: int
    note: str


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """The whole; ``is_up`` once every part was ready, whatever became of one later."""

    pid: int
    url: str
    is_up: bool
    parts: tuple[PartStatus, ...]

    @property
    def is_well(self) -> bool:
        return self.is_up and all(part.state in GOOD for part in self.parts)


def write(run: Path, status: PlatformStatus) -> None:
    """Say how it is, whole or not at all."""
    path = run / NAME
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(status)))
    draft.replace(path)


def read(run: Path) -> PlatformStatus | None:
    """Return what was last said, by a supervisor that may have ended since."""
    try:
        found = json.loads((run / NAME).read_text())
    except (OSError, ValueError):
        return None
    parts = tuple(
        PartStatus(
            part["name"], PartState(part["state"]), part["pid"], part["restarts"], part["note"]
        )
        for part in found["parts"]
    )
    return PlatformStatus(found["pid"], found["url"], found["is_up"], parts)
