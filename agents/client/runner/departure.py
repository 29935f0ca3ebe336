"""Is the runner about to end, and how?"""

from dataclasses import dataclass


@dataclass(slots=True)
class Departure:
    """Whether and how the runner is about to end.

    ``leaves_plans``: it was told to go, and plans that wait for a decision stay on disk for the
    next runner. One that goes by itself once its work is done sees them to their end.
    """

    draining: bool = False
    stopping: bool = False
    exit_code: int = 0
    silent: bool = False
    give_up_at: float | None = None
    farewell: str = ""
    leaves_plans: bool = False
