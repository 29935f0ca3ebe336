"""In which project does a kind lie whose path names one?"""

from dataclasses import replace

from k8s4r.cli import finding
from k8s4r.cli.kinds import PROJECT, Kind
from k8s4r.cli.session import Session

_PLACE = "{project}"


def of(session: Session, kind: Kind, project: str | None) -> Kind:
    """Return the kind with its project in its path; most kinds need none."""
    if _PLACE not in kind.path:
        return kind
    found = finding.one(session.client, PROJECT, project or "default", session.terminal)
    return replace(kind, path=kind.path.replace(_PLACE, str(found["id"])))
