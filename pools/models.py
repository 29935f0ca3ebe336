"""Where work may run: pools and their members."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models import Agent
from k8s4r import clock
from k8s4r.access.models import Project


class PoolType(models.TextChoices):
    """How a pool finds its members."""

    STATIC = "static"
    DYNAMIC = "dynamic"


class Strategy(models.TextChoices):
    """Which of the fitting agents gets a task."""

    ROUND_ROBIN = "round_robin"
    LEAST_BUSY = "least_busy"
    RANDOM = "random"
    LABEL_MATCH = "label_match"


class Pool(models.Model):
    """A named set of agents with a selection strategy and limits.

    A dynamic pool's members are the agents of its project that carry ``required_labels``.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+")
    name = models.SlugField(max_length=63)
    description = models.TextField(blank=True, default="")
    type = models.CharField(max_length=8, choices=PoolType.choices, default=PoolType.DYNAMIC)
    strategy = models.CharField(
        max_length=16, choices=Strategy.choices, default=Strategy.LEAST_BUSY
    )
    required_labels = models.JSONField(default=dict, blank=True)
    max_concurrent = models.PositiveIntegerField(null=True, blank=True)
    max_per_owner = models.PositiveIntegerField(null=True, blank=True)
    paused = models.BooleanField(default=False)
    cursor = models.UUIDField(null=True, blank=True, help_text="Agent served last, round robin.")
    passes = models.PositiveBigIntegerField(default=0, help_text="Seeds the random strategy.")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["project", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=Q(archived_at__isnull=True),
                name="pool_name_once",
            ),
            models.CheckConstraint(condition=Q(type__in=PoolType.values), name="pool_type_known"),
            models.CheckConstraint(
                condition=Q(strategy__in=Strategy.values), name="pool_strategy_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """An agent listed in a static pool."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    pool = models.ForeignKey(Pool, models.CASCADE, related_name="+")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pool", "agent"], name="membership_once")
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} in {self.pool_id}"
