"""What is kept for operators: totals that outlive their tasks."""

from typing import ClassVar

from django.db import models


class Outcome(models.Model):
    """How many tasks ended so, since the first; ``counted_until`` is the end of the last count.

    Tasks go when their time is over, and a counter must not fall.
    """

    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, blank=True, default="")
    tasks = models.PositiveBigIntegerField()
    counted_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state", "reason"], name="outcome_once")
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.reason}".strip()
