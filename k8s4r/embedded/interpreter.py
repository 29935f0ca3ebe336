"""How is a Python module of this very installation run as another process?"""

import os
import sys
from pathlib import Path

import k8s4r


def command(*argv: str) -> tuple[str, ...]:
    """Return the command that runs ``python -m argv``."""
    return (sys.executable, "-m", *argv)


def path_variable() -> dict[str, str]:
    """Return PYTHONPATH so that this source tree is found; nothing where it is installed."""
    tree = Path(k8s4r.__file__).parents[1]
    if tree.name in ("site-packages", "dist-packages"):
        return {}
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{tree}{os.pathsep}{before}" if before else str(tree)}
