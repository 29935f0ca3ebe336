"""What is a seeded bug?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """One bug: in ``path``, ``old`` becomes ``new``; then one of ``tests`` must fail.

    ``old`` stands there exactly once, so that a seed that no longer fits is an error, not a pass.
    """

    name: str
    invariant: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
