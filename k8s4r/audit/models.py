"""What changed, by whom, from what, to what? Rows are written by triggers and never change."""

from typing import ClassVar

from django.db import models


class AuditEvent(models.Model):
    """One change of one object. Partitioned by month of ``at``; append-only.

    ``cause`` is the service that moved the row; ``actor_kind`` and ``actor_id`` who asked for it,
    ``token_id`` and ``address`` by which proof and from where. ``detail`` has, for settings,
    ``changes``: the old and the new value by column.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    cause = models.CharField(max_length=64)
    object_type = models.CharField(max_length=32)
    object_id = models.UUIDField()
    project_id = models.UUIDField(null=True)
    from_state = models.CharField(max_length=16)
    to_state = models.CharField(max_length=16)
    request_id = models.CharField(max_length=64)
    token_id = models.UUIDField(null=True)
    address = models.CharField(max_length=64, default="")
    detail = models.JSONField()

    class Meta:
        managed = False
        db_table = "audit_event"
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id}: {self.cause}"


class AuditSeal(models.Model):
    """What a closed range of events came to; ``hash`` binds it to all seals before it.

    A range whose events lie in two months has a seal for each: retention drops whole months.
    """

    number = models.BigIntegerField(primary_key=True)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    month = models.DateField()
    events = models.BigIntegerField()
    digest = models.BinaryField()
    previous = models.BinaryField()
    hash = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_seal"
        ordering: ClassVar = ["number"]

    def __str__(self) -> str:
        return f"seal {self.number}: events {self.first_id} to {self.last_id}"
