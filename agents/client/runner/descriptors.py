"""May this process open enough files for its slots?"""

import resource
from typing import Final

OTHER_DESCRIPTORS: Final = 128


def make_room(slots: int) -> None:
    """Let this process have a descriptor for every slot, as far as its hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = slots + OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        needed = min(hard, needed)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
