"""Who works: agents, the life of their runners, and their slots."""

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value

from agents.core.states import Desired, Observed
from k8s4r import clock
from k8s4r.access.models import Project


class AgentType(models.TextChoices):
    """What kind of place an agent runs in; `K8S` is a pod of ours, and only that."""

    REMOTE = "remote"
    K8S = "k8s"
    ROBOT = "robot"


class Agent(models.Model):
    """A program that runs tasks. ``desired`` is people's wish, ``observed`` is fact.

    With ``not_now_since`` set the agent itself asks for no work. ``settings`` flow down to it; the
    version counts their changes. ``endpoint`` is for people: nothing here calls it. This row is the
    one lock for its capacity (docs/states.md). Heartbeats never write it, unless what the agent is
    changes.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+")
    name = models.CharField(max_length=253)
    description = models.TextField(blank=True, default="")
    type = models.CharField(max_length=8, choices=AgentType.choices, default=AgentType.REMOTE)
    desired = models.CharField(max_length=16, default=Desired.ACTIVE)
    desired_note = models.CharField(max_length=4096, blank=True, default="", db_default="")
    desired_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    desired_at = models.DateTimeField(null=True, blank=True)
    desired_until = models.DateTimeField(
        null=True, blank=True, help_text="Ends a pause; of a drain: when people expect it back."
    )
    observed = models.CharField(max_length=16, default=Observed.OFFLINE)
    observed_reason = models.CharField(max_length=4096, blank=True, default="")
    not_now_reason = models.CharField(max_length=4096, blank=True, default="", db_default="")
    not_now_since = models.DateTimeField(null=True, blank=True)
    not_now_until = models.DateTimeField(null=True, blank=True)
    endpoint = models.CharField(max_length=2048, blank=True, default="", db_default="")
    labels = models.JSONField(default=dict, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    device_info = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)
    settings_version = models.PositiveIntegerField(default=0, db_default=0)
    last_assigned_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=Q(archived_at__isnull=True),
                name="agent_name_once",
            ),
            models.CheckConstraint(
                condition=Q(desired__in=[state.value for state in Desired]),
                name="agent_desired_known",
            ),
            models.CheckConstraint(
                condition=Q(observed__in=[state.value for state in Observed]),
                name="agent_observed_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Session(models.Model):
    """One life of an agent's runner. Its heartbeat is the lease of everything it runs.

    The id is chosen by the runner. Narrow and updated in place: see the fill factor in 0002.
    ``said_at`` is when, on the agent's clock, the runner last said what it has;
    ``settings_version`` which settings it runs with.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+")
    boot_id = models.CharField(max_length=64, blank=True, default="")
    version = models.CharField(max_length=32, blank=True, default="")
    slots = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()
    last_heartbeat_at = models.DateTimeField()
    said_at = models.FloatField(null=True, blank=True)
    settings_version = models.PositiveIntegerField(default=0, db_default=0)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent"], condition=Q(ended_at__isnull=True), name="session_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} since {self.opened_at:%Y-%m-%d %H:%M:%S}"


class Lane(models.TextChoices):
    """Which kinds of task a slot accepts."""

    GENERAL = "general"
    MAIN = "main"
    PLAN = "plan"


class Slot(models.Model):
    """One unit of an agent's capacity. It has no state: a current attempt on it is its state."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+")
    index = models.PositiveIntegerField()
    lane = models.CharField(max_length=8, choices=Lane.choices, default=Lane.GENERAL)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["agent", "index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "index"], name="slot_index_once"),
            models.CheckConstraint(condition=Q(lane__in=Lane.values), name="slot_lane_known"),
            models.CheckConstraint(
                condition=Q(lane=Lane.GENERAL)
                | Q(lane=Lane.MAIN, index=0)
                | Q(lane=Lane.PLAN, index__in=[1, 2]),
                name="slot_lane_by_index",
            ),
        ]

    def __str__(self) -> str:
        return f"slot {self.index}"


class Generation(models.Model):
    """One life of the database, from a restore to the next; the first has no row.

    ``backup_at`` is the moment to which the restore went back: what came after it is not known.
    """

    number = models.PositiveIntegerField(primary_key=True)
    began_at = models.DateTimeField()
    backup_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"generation {self.number}"
