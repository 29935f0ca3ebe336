"""How many tasks ended on an agent, and how?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """Tasks that ended on an agent since its first: it had the latest attempt of each.

    ``success`` of them completed, ``failed`` failed or ran out of time; the others were cancelled.
    """

    total: int = 0
    success: int = 0
    failed: int = 0

    def plus(self, other: "Totals") -> "Totals":
        """Return both together."""
        return Totals(
            self.total + other.total, self.success + other.success, self.failed + other.failed
        )
