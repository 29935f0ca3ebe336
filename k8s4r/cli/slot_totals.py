"""How many slots does a whole pool have, and how do they stand?"""

from collections.abc import Mapping
from typing import Any

from k8s4r.cli.kinds import SLOTS, Kind
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session


def note(session: Session, kind: Kind) -> None:
    """Say below a table of slots, and of nothing else, how many the pool has in all."""
    if kind.name == SLOTS.name and session.format not in MACHINE:
        session.terminal.note(sentence(session.client.get(f"{kind.path}?limit=1")["totals"]))


def sentence(totals: Mapping[str, Any]) -> str:
    """Return ``6 slots: 1 running, 1 held, 4 idle; main 1 of 2 idle, plan 3 of 4 idle``."""
    lanes = [
        f"{name} {one['idle']} of {one['total']} idle" for name, one in totals["lanes"].items()
    ]
    said = (
        f"{totals['total']} slots: {totals['running']} running, {totals['reserved']} held,"
        f" {totals['idle']} idle"
    )
    return f"{said}; {', '.join(lanes)}" if len(lanes) > 1 else said
