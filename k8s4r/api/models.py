"""Which requests were answered before, and with what?"""

from typing import ClassVar

from django.db import models

from k8s4r import clock


class IdempotencyRecord(models.Model):
    """The answer to one request, so that its repetition changes nothing.

    Written in the transaction of the change itself: both exist, or neither. Of work that commits in
    parts the row is there first, with status 0. ``principal`` is the token that asked, or the user
    of a session; ``withheld`` the member of the answer that held a secret and is not kept.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    principal = models.CharField(max_length=64)
    route = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    response = models.BinaryField()
    location = models.CharField(max_length=255, db_default="")
    withheld = models.CharField(max_length=32, db_default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["principal", "route", "key"], name="idempotency_once")
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
