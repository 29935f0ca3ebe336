"""The process node's command line: ``python -m tests.cluster.node SETTINGS``, a JSON file."""

import asyncio
import json
import logging
import sys
from pathlib import Path

from tests.cluster.node.api import NodeApi
from tests.cluster.node.program import Node, Settings


def main(path: str) -> None:
    """Run the node that the file describes."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    told = json.loads(Path(path).read_text())
    for name in ("pki", "folder"):
        told[name] = Path(told[name])
    settings = Settings(**told)
    api = NodeApi(settings.server, ca=settings.pki / "ca.crt", token=settings.token)
    asyncio.run(Node(settings, api).run())


if __name__ == "__main__":
    main(sys.argv[1])
