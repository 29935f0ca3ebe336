"""Which settings ride on an answer to an agent? Those that its runner does not go by yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.models import Agent
from agents.wire.settings import Wanted
from k8s4r import database


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """What people want of one agent, as its row has it: JSON that is seldom read."""

    version: int
    settings: str
    labels: str

    def due(self, applied: int) -> Wanted | None:
        """Return the settings unless the agent runs with this version already."""
        if applied == self.version:
            return None
        return _wanted(self.version, database.loaded(self.settings), database.loaded(self.labels))


def due(agent: Agent, applied: int) -> Wanted | None:
    """Return the settings of an agent unless it runs with this version already."""
    if applied == agent.settings_version:
        return None
    return _wanted(agent.settings_version, agent.settings, agent.labels)


def _wanted(version: int, chosen: Mapping[str, Any], labels: Mapping[str, str]) -> Wanted:
    return Wanted(
        version=version,
        slots=chosen.get("slots"),
        log_level=chosen.get("log_level"),
        heartbeat_s=chosen.get("heartbeat_s"),
        labels=dict(labels),
    )
