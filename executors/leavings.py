"""What does an attempt leave behind: output, files, what it told, decisions, late reports?"""

from typing import ClassVar, Final, get_args

from django.db import models

from agents.models import Agent, Slot
from agents.wire.tellings import Style
from k8s4r import clock
from k8s4r.access.models import User

STYLES: Final = sorted(get_args(Style))


class LogChunk(models.Model):
    """A piece of output, kept under the sequence number of its report."""

    pk = models.CompositePrimaryKey("attempt_id", "seq")
    attempt = models.ForeignKey(
        "executors.Attempt", models.CASCADE, related_name="+", db_index=False
    )
    seq = models.BigIntegerField()
    stream = models.CharField(max_length=8)
    at = models.DateTimeField()
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.attempt_id} {self.seq}"


class Artifact(models.Model):
    """A file an attempt left; its bytes lie under a random name, ``name`` is only metadata."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    attempt = models.ForeignKey("executors.Attempt", models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    stored_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["attempt", "name"], name="artifact_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Annotation(models.Model):
    """Markdown that an attempt pinned to its task's page; ``context`` is its name there."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    attempt = models.ForeignKey(
        "executors.Attempt", models.CASCADE, related_name="+", db_index=False
    )
    context = models.CharField(max_length=63)
    style = models.CharField(max_length=8)
    text = models.TextField()
    told_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["attempt", "context"], name="annotation_context_once"),
            models.CheckConstraint(
                condition=models.Q(style__in=STYLES), name="annotation_style_known"
            ),
        ]

    def __str__(self) -> str:
        return self.context


class PlanDecision(models.Model):
    """What a person decided about the plan that an attempt made; never changed, never reused.

    It binds what was looked at: this attempt and no later one, the bytes of its plan (no digest
    where it left no file), and the slot whose folder has it.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    attempt = models.OneToOneField("executors.Attempt", models.CASCADE, related_name="+")
    is_approved = models.BooleanField()
    comment = models.CharField(max_length=4096, blank=True)
    person = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    plan_sha256 = models.CharField(max_length=64, blank=True)
    slot = models.ForeignKey(Slot, models.PROTECT, related_name="+", db_index=False)
    decided_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{'approved' if self.is_approved else 'rejected'} {self.attempt_id}"


class Evidence(models.Model):
    """A report that came too late to count, kept because somebody will ask."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    attempt_id = models.UUIDField()
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+")
    received_at = models.DateTimeField()
    status = models.CharField(max_length=16)
    payload = models.BinaryField(max_length=65536)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["attempt_id"], name="evidence_attempt")]

    def __str__(self) -> str:
        return f"{self.status} {self.attempt_id}"
