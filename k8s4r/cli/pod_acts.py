"""How are pods let go from the command line, and which words mean a pod where agents are usual?"""

from collections.abc import Mapping
from typing import Any, Final

from k8s4r.cli import finding
from k8s4r.cli.kinds import POD
from k8s4r.cli.leaving import Leaver, Left
from k8s4r.cli.session import Session

_LEFT: Final = frozenset({"deleting", "gone"})
Pod = Mapping[str, Any]


def named(text: str) -> str | None:
    """Return the name behind ``pod/``; ``None`` for what is not a pod."""
    word, slash, name = text.partition("/")
    return name if slash and word.lower() in POD.words else None


def drain(session: Session, name: str, note: str | None) -> Pod:
    """Let a pod finish what it has and be deleted then; return it as it is now."""
    found = finding.one(session.client, POD, name, session.terminal, to_act=True)
    body = {"note": note} if note else {}
    after: Pod = session.client.post(f"{POD.path}/{found['id']}/drain", body)
    session.terminal.write(f"pod/{after['name']} {after['state']}")
    return after


def leaver(session: Session, pod: Pod) -> Leaver:
    """Return a drained pod as something to wait for: until it is idle and on its way out."""
    name = str(pod["name"])
    return Leaver(f"pod/{name}", lambda: _left(session, pod), f"k8s4r describe pod {name}")


def _left(session: Session, pod: Pod) -> Left | None:
    now = session.client.get(f"{POD.path}/{pod['id']}")
    if now["state"] in _LEFT:
        return None
    used = now["slots"]["total"] - now["slots"]["idle"]
    return Left(used, [f"{used} slot{'' if used == 1 else 's'} of {now['name']} in use"])
