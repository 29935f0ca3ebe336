"""Which images may pods of ours run? The agent's own, and those from places that are listed."""

import re
from dataclasses import dataclass
from typing import Final

_IMAGE: Final = re.compile(
    r"(?P<name>[a-z0-9]+([._:-][a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*)"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)


@dataclass(frozen=True, slots=True)
class Images:
    """Which images may be used: ``listed`` are registries, repositories or their beginnings.

    Where nothing is listed, an image is named by its digest. ``ours`` is always taken.
    """

    ours: str
    listed: tuple[str, ...] = ()

    def objection(self, image: str) -> str | None:
        """Return why an image is not taken; ``None``: it is."""
        if image == self.ours:
            return None
        found = _IMAGE.fullmatch(image)
        if found is None:
            return "is not the name of an image"
        if any(_begins(image, entry) for entry in self.listed):
            return None
        if self.listed:
            return f"is from elsewhere; K8S4R_POD_IMAGES lists {', '.join(self.listed)}"
        if found["digest"] is None:
            return "names no digest (@sha256:...), and K8S4R_POD_IMAGES lists no registry"
        return None


def _begins(image: str, entry: str) -> bool:
    """Does the image lie under this entry? ``example.org/team`` is not ``example.org/teamwork``."""
    if entry.endswith("/"):
        return image.startswith(entry)
    return image == entry or image.startswith((f"{entry}/", f"{entry}:", f"{entry}@"))
