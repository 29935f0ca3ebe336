"""What was kept of the logs of pods?"""

from collections.abc import Sequence

from k8s4r.cli import finding, webpages
from k8s4r.cli.kinds import POD
from k8s4r.cli.session import Session


def show(session: Session, names: Sequence[str], *, web: bool) -> None:
    """Print the log that was kept of each pod, or the addresses of their pages."""
    if web:
        webpages.show(session, POD, names)
        return
    for name in names:
        pod = finding.one(session.client, POD, name, session.terminal)
        kept = session.client.get(f"{POD.path}/{pod['id']}/log")
        session.terminal.write_bytes(kept["text"].encode())
        if not kept["text"]:
            hint = "it is kept when a pod fails" if pod["state"] != "failed" else "it wrote nothing"
            session.terminal.note(f"nothing was kept of the log of {pod['name']}: {hint}")
