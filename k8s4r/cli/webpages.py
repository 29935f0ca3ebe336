"""Where does a person see this in the browser?"""

import os
import sys
import webbrowser
from collections.abc import Sequence
from typing import Final

from k8s4r.cli import finding
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT, POD, POOL, PROJECT, TASK, Kind
from k8s4r.cli.session import Session

_PAGES: Final = {
    TASK.name: "/admin/executors/task/",
    AGENT.name: "/admin/agents/agent/",
    POOL.name: "/admin/pools/pool/",
    POD.name: "/admin/pools/pod/",
    K8S_CONFIG.name: "/admin/pools/k8sconfig/",
    PROJECT.name: "/admin/access/project/",
}


def show(session: Session, kind: Kind, names: Sequence[str]) -> None:
    """Print the address of the page of each, or of the list; open it where a screen is.

    Raises:
        Usage: this kind has no page.
    """
    if kind.name not in _PAGES:
        raise Usage(f"--web: {kind.name}s have no page")
    pages = session.client.url + _PAGES[kind.name]
    addresses = [f"{pages}{_id(session, kind, name)}/change/" for name in names] or [pages]
    for address in addresses:
        session.terminal.write(address)
        if session.terminal.can_ask() and _has_screen():
            webbrowser.open(address)


def line_of_log(session: Session, task_id: str, line: int) -> str:
    """Return where a line of the latest attempt's log is seen; 0: where the log is."""
    mark = f"#L{line}" if line else "#log"
    return f"{session.client.url}{_PAGES[TASK.name]}{task_id}/change/{mark}"


def _id(session: Session, kind: Kind, name: str) -> str:
    return str(finding.one(session.client, kind, name, session.terminal)["id"])


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
