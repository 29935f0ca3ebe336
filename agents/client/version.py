"""Which version of the agent is this?"""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the version of the installed distribution."""
    try:
        return metadata.version("k8s4r")
    except metadata.PackageNotFoundError:
        return "0"
