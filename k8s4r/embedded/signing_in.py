"""How does the owner of this platform get into its pages? By a link that is good once."""

import os
import subprocess
from typing import Final

from k8s4r.embedded import interpreter, lock, summary
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.errors import EmbeddedError

_WITHIN_S: Final = 60.0


def link(home: Home, name: str) -> str:
    """Return a link that signs this person in once; who may read our secrets may make one.

    Raises:
        EmbeddedError: the platform is not up, or nobody of this name may sign in.
    """
    if lock.holder(home.run) is None:
        raise EmbeddedError("k8s4r is not running; start it with `k8s4r up --detach`")
    ran = subprocess.run(  # noqa: S603  # our own interpreter and module
        interpreter.command("django", "sign_in_link", "--", name),
        env={**os.environ, **summary.environment(home)},
        # `python -m` looks here first: what lies where the person stands is not ours.
        cwd=home.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=_WITHIN_S,
    )
    if ran.returncode != 0:
        raise EmbeddedError(ran.stderr.strip().rpartition("\n")[2].removeprefix("CommandError: "))
    return ran.stdout.strip()
