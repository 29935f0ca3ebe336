"""How does a data folder get clean after its supervisor was killed? Left-over parts are stopped."""

import signal
from collections.abc import Iterator

from k8s4r.embedded import leftovers, parts
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.programs import StopStep

# Servers of data get their time. The others have nobody to talk to any more: what they can still
# do, such as the agent's end of its work, takes seconds, and their hints are not worth a wait.
IN_TIME = ("postgres", "redis")
SOON = (StopStep(signal.SIGTERM, 10),)


def clear(home: Home) -> Iterator[str]:
    """Stop what an earlier supervisor left running, last part first; say what was found.

    Whoever calls this holds the lock: the parts are nobody's. Data are kept; PostgreSQL gets its
    clean stop here, or had a crash that its next start recovers from.
    """
    for part in reversed(parts.ALL):
        steps = parts.STOP_STEPS[part.name] if part.name in IN_TIME else SOON
        pid = leftovers.stop(home.run, part.name, steps)
        if pid:
            yield f"stopped {part.name} (pid {pid}), left over from a killed supervisor"
        for orphan in leftovers.kill_orphans(home.root, part.name):
            yield f"ended process {orphan} of {part.name}, left over likewise"
