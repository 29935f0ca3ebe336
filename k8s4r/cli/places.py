"""In which project or pool does a kind lie whose path names one?"""

from dataclasses import replace

from k8s4r.cli import finding
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import POOL, PROJECT, Kind
from k8s4r.cli.session import Session

_PROJECT = "{project}"
_POOL = "{pool}"


def is_of_a_pool(kind: Kind) -> bool:
    """Are such things listed pool by pool?"""
    return _POOL in kind.path


def of(session: Session, kind: Kind, project: str | None, pool: str | None = None) -> Kind:
    """Return the kind with its project or pool in its path; most kinds need none.

    Raises:
        Usage: it lies in a pool, and none is named.
    """
    if _PROJECT in kind.path:
        found = finding.one(session.client, PROJECT, project or "default", session.terminal)
        return replace(kind, path=kind.path.replace(_PROJECT, str(found["id"])))
    if is_of_a_pool(kind):
        return replace(kind, path=kind.path.replace(_POOL, _pool_id(session, kind, pool)))
    return kind


def _pool_id(session: Session, kind: Kind, pool: str | None) -> str:
    if not pool:
        raise Usage(f"{kind.name}s of which pool?", hint="--pool NAME; k8s4r get pools lists them")
    return str(finding.one(session.client, POOL, pool, session.terminal)["id"])
