"""Which known word was probably meant?"""

import difflib
from collections.abc import Iterable


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'nightly'?``, or nothing when nothing comes near."""
    near = difflib.get_close_matches(text, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def hint(*parts: str) -> str:
    """Return the parts that say something, one after the other."""
    return " ".join(part for part in parts if part)
