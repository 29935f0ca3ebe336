"""Where work may run: pools and their members."""

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value

from agents.models import Agent
from k8s4r import clock
from k8s4r.access.models import Project
from pools.core.pods import PodMode
from pools.holdings import K8sConfig, Pod, PodAction, Reach, ScalingDecision

__all__ = [
    "Decision", "K8sConfig", "Membership", "Pod", "PodAction", "Pool", "PoolType", "Reach",
    "ScalingDecision", "Strategy",
]  # fmt: skip


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

    A dynamic pool's members are the agents of its project that carry ``required_labels``; those of
    a pool with a ``k8s_config`` are the agents in its pods; ``pod_mode`` says what a pod is for.
    ``max_surge`` is how many pods may be made at once, ``cooldown_s`` how long one stays idle,
    ``keep_failed_s`` how long a failed one is kept to look at.
    ``windows`` are kept as `core.gates.window` reads them. Projects in ``shared_with`` (ids) may
    queue in it too; ``weights`` (by project id) go before the projects' own.
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
    paused_reason = models.CharField(max_length=4096, blank=True, default="", db_default="")
    paused_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="Ends the pause; empty: only a person does."
    )
    windows = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)
    open_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then the windows do not count."
    )
    shared_with = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True
    )
    weights = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)
    k8s_config = models.ForeignKey(
        K8sConfig, models.PROTECT, null=True, blank=True, related_name="+"
    )
    pod_mode = models.CharField(max_length=8, blank=True, default=PodMode.NONE, db_default="")
    min_pods = models.PositiveIntegerField(default=0, db_default=0)
    max_pods = models.PositiveIntegerField(default=10, db_default=10)
    warm_spares = models.PositiveIntegerField(default=0, db_default=0)
    cooldown_s = models.PositiveIntegerField(default=300, db_default=300)
    max_surge = models.PositiveIntegerField(default=10, db_default=10)
    keep_failed_s = models.PositiveIntegerField(default=0, db_default=0)
    pod_template = models.JSONField(
        default=dict, db_default=Value({}, models.JSONField()), blank=True
    )
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
            models.CheckConstraint(
                condition=Q(k8s_config=None, pod_mode=PodMode.NONE)
                | Q(k8s_config__isnull=False, pod_mode__in=[PodMode.SLOTS, PodMode.TASK]),
                name="pool_pods_by_config",
            ),
            models.CheckConstraint(
                condition=Q(min_pods__lte=models.F("max_pods")), name="pool_pod_bounds"
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


class Decision(models.Model):
    """What one dispatch pass of a pool did. Only the newest of each pool are kept.

    ``assignments`` are the first [task, agent, slot index] of ``placed``; ``left`` counts, by
    code, the requirements of which tasks still wait.
    """

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey(Pool, models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    placed = models.PositiveIntegerField()
    assignments = models.JSONField()
    left = models.JSONField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["pool", "-id"], name="decision_newest")]

    def __str__(self) -> str:
        return f"{self.placed} in {self.pool_id} at {self.at:%H:%M:%S}"
