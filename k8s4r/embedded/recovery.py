"""How does a data folder get clean after its supervisor was killed? Left-over parts are stopped."""

from collections.abc import Iterator

from k8s4r.embedded import leftovers, parts
from k8s4r.embedded.configuration import Home


def clear(home: Home) -> Iterator[str]:
    """Stop what an earlier supervisor left running, last part first; say what was found.

    Whoever calls this holds the lock: the parts are nobody's. Data are kept; PostgreSQL gets its
    clean stop here, or had a crash that its next start recovers from.
    """
    for part in reversed(parts.ALL):
        pid = leftovers.stop(home.run, part.name, parts.STOP_STEPS.get(part.name, parts.ONE_STEP))
        if pid:
            yield f"stopped {part.name} (pid {pid}), left over from a killed supervisor"
        for orphan in leftovers.kill_orphans(home.root, part.name):
            yield f"ended process {orphan} of {part.name}, left over likewise"
