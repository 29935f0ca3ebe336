"""What of all that an operator looks after does not mend itself?"""

from dataclasses import dataclass

from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Need:
    """Something that does not mend itself: how it stands, what, why, and where to mend it."""

    chip: SafeString
    what: str
    why: str
    link: str
