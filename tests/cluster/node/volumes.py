"""Which folders does a pod get, and where do they appear? Real files below the pod's folder."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.node.contents import Contents

Json = dict[str, Any]
MADE_OF_FILES = ("projected", "secret", "configMap", "downwardAPI")
DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Mount:
    """One folder or file of ours that a container sees at ``target``."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Volumes:
    """The volumes of one pod, each a folder in ``folder``."""

    folder: Path
    pod: Json

    async def fill(self, contents: Contents) -> None:
        """Make every volume; called again, it renews what has changed, such as tokens.

        Raises:
            Missing: a Secret or ConfigMap is not there yet.
        """
        for volume in self.pod["spec"].get("volumes", []):
            place = self.folder / volume["name"]
            place.mkdir(parents=True, exist_ok=True)
            for kind in MADE_OF_FILES:
                if kind in volume:
                    files = await contents.files({kind: volume[kind]})
                    _write(place, files, volume[kind].get("defaultMode", DEFAULT_MODE))
            if "emptyDir" in volume:
                place.chmod(0o777)

    def renew_after_s(self) -> float | None:
        """Return when a token in here is renewed, as the kubelet does it; None for never."""
        lifetimes = [
            source["serviceAccountToken"].get("expirationSeconds", 3600)
            for volume in self.pod["spec"].get("volumes", [])
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        ]
        return min(lifetimes) * 0.8 if lifetimes else None

    def mounts(self, container: Json) -> list[Mount]:
        """Return what this container sees."""
        kinds = {volume["name"]: volume for volume in self.pod["spec"].get("volumes", [])}
        return [
            Mount(
                str(self.folder / mount["name"] / mount.get("subPath", "")),
                mount["mountPath"].rstrip("/"),
                mount.get("readOnly", False) or "emptyDir" not in kinds[mount["name"]],
            )
            for mount in container.get("volumeMounts", [])
            if mount["name"] in kinds
        ]


def _write(folder: Path, files: dict[str, bytes], mode: int) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        fresh.write_bytes(content)
        fresh.chmod(mode)
        os.replace(fresh, path)
