"""How do people like to look at their lists? Nothing here changes anything for anybody else."""

from typing import ClassVar

from django.db import models

from k8s4r import clock
from k8s4r.access.models import User


class SavedFilter(models.Model):
    """A name that a person gave to filters of the list of tasks; ``query`` is their address."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_filter_once")
        ]

    def __str__(self) -> str:
        return self.name
