"""What is kept for operators: totals that outlive their tasks, whom to tell, and what was told."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models import Agent
from executors.operating.core.notices import CHOSEN, Event, Kind, Severity, State
from k8s4r import clock
from k8s4r.access.models import Project
from pools.models import Pool


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


class AgentTotal(models.Model):
    """How many tasks ended on an agent, since its first; see `agents.core.totals.Totals`.

    ``counted_until`` is the end of the last count that found one here.
    """

    agent = models.OneToOneField(Agent, models.PROTECT, primary_key=True, related_name="+")
    total = models.PositiveBigIntegerField()
    success = models.PositiveBigIntegerField()
    failed = models.PositiveBigIntegerField()
    counted_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.total} tasks on {self.agent_id}"


class NotificationTarget(models.Model):
    """Whom to tell, of what. Without a project: of everything.

    ``encrypted_url`` opens with the encryption key alone; ``url_shown`` tells no secret.
    ``looked_until`` is how far the ended tasks were looked through.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="+")
    name = models.SlugField(max_length=63)
    events = models.JSONField(default=list)
    pool = models.ForeignKey(Pool, models.PROTECT, null=True, blank=True, related_name="+")
    labels = models.JSONField(default=dict, blank=True)
    min_severity = models.CharField(max_length=8, default=Severity.INFO)
    queue_age_s = models.PositiveIntegerField(default=900)
    encrypted_url = models.TextField()
    url_shown = models.CharField(max_length=253)
    paused = models.BooleanField(default=False)
    looked_until = models.DateTimeField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], nulls_distinct=False, name="target_name_once"
            ),
            models.CheckConstraint(
                condition=Q(events__contained_by=[str(event) for event in CHOSEN]),
                name="target_events_known",
            ),
            models.CheckConstraint(
                condition=Q(min_severity__in=[str(one) for one in Severity]),
                name="target_severity_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One message to one target: a row before it is a call.

    A problem is told once for each ``subject`` until it is over (``over_at``).
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    target = models.ForeignKey(NotificationTarget, models.CASCADE, related_name="+")
    event = models.CharField(max_length=32)
    kind = models.CharField(max_length=8, default=Kind.PROBLEM)
    severity = models.CharField(max_length=8)
    subject = models.CharField(max_length=64, blank=True, default="")
    title = models.CharField(max_length=300)
    body = models.CharField(max_length=4096, blank=True, default="")
    state = models.CharField(max_length=9, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"], condition=Q(state=State.WAITING), name="notification_due"
            ),
            models.Index(fields=["-created_at", "-id"], name="notification_newest"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["target", "event", "subject"],
                condition=Q(kind=Kind.PROBLEM, over_at__isnull=True) & ~Q(event=Event.TEST),
                name="notification_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[str(state) for state in State]),
                name="notification_state_known",
            ),
        ]

    def __str__(self) -> str:
        return self.title
