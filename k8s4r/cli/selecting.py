"""Which tasks does a mass action mean: the selector that its flags make, and in words?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from k8s4r.cli import moments, values
from k8s4r.cli.client import Client
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import TASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What stood on the command line; ``None`` or empty: not said."""

    owner: str | None = None
    pool: str | None = None
    project: str | None = None
    agent: str | None = None
    name: str | None = None
    state: str | None = None
    labels: Sequence[str] = ()
    since: str | None = None
    before: str | None = None

    def is_empty(self) -> bool:
        """Does it select by nothing? A project alone is a place, not a choice."""
        return self == Selection(project=self.project)

    def as_selector(self, client: Client) -> dict[str, Any]:
        """Return the selector as the API takes it.

        Raises:
            Usage: a state, a label or a time is none.
        """
        wanted: dict[str, Any] = {
            "owner": self.owner,
            "pool": self.pool,
            "project": self.project,
            "agent": self.agent,
            "name": self.name,
            "state": states(self.state),
            "labels": values.pairs(self.labels, flag="-l"),
            "created_after": self.since and moments.since(self.since, client.now(), flag="--since"),
            "created_before": self.before
            and moments.since(self.before, client.now(), flag="--before"),
        }
        return {key: value for key, value in wanted.items() if value}


def states(text: str | None) -> list[str]:
    """Return the states that ``running,open`` means.

    Raises:
        Usage: a word is no state.
    """
    found: list[str] = []
    for word in text.split(",") if text else ():
        if word not in TASK.states:
            raise Usage(f"--state {word!r}: tasks have {', '.join(TASK.states)}")
        found += TASK.states[word]["state"].split(",")
    return found


def in_words(selector: dict[str, Any]) -> str:
    """Return a selector as a person would say it: ``of alice, in pool gpus``."""
    words = {
        "state": "{}",
        "owner": "of {}",
        "name": "named {}",
        "project": "in project {}",
        "pool": "in pool {}",
        "agent": "on {}",
        "labels": "with {}",
        "created_after": "since {}",
        "created_before": "before {}",
    }
    return ", ".join(
        sentence.format(_said(selector[name]))
        for name, sentence in words.items()
        if name in selector
    )


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={text}" for key, text in value.items())
    return " or ".join(value) if isinstance(value, list) else str(value)
