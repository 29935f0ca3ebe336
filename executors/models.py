"""What runs: tasks, what they require, and their attempts; with what an attempt leaves behind."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from agents.models import Agent, Session, Slot
from executors.core.lifecycle import ATTEMPT_CURRENT, AttemptState, StopReason, TaskState
from executors.leavings import Annotation, Artifact, Evidence, LogChunk, PlanDecision
from k8s4r.access.models import Project, User
from pools.models import Pool

__all__ = [
    "Annotation", "Artifact", "Attempt", "Disconnect", "Evidence", "LogChunk", "PlanDecision",
    "Pulse", "Requirement", "Task", "Tick",
]  # fmt: skip

CURRENT = sorted(ATTEMPT_CURRENT)


class Requirement(models.Model):
    """What a set of tasks asks of an agent, once for all that ask the same.

    The id is a hash of its content. A dispatch pass evaluates each distinct requirement once and
    leaves here why its tasks wait.
    """

    id = models.CharField(primary_key=True, max_length=32)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16)
    driver = models.CharField(max_length=16)
    labels = models.JSONField(default=dict)
    constraints = models.JSONField(default=list)
    resources = models.JSONField(default=dict)
    waiting_code = models.CharField(max_length=24, blank=True, default="")
    waiting_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.id


class Disconnect(models.TextChoices):
    """What becomes of work whose agent is silent."""

    REPLACE = "replace"
    STOP = "stop"
    WAIT = "wait"


class Task(models.Model):
    """What a user submitted; lives until a final state. Only `services.transitions` moves it.

    ``sort_key`` is static: seconds of submission minus priority times the aging weight, so that an
    index gives the order of the queue. ``run_after`` set means: not in the queue yet.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # Every move writes every index once more: foreign keys have none of their own here.
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="+", db_index=False)
    requirement = models.ForeignKey(Requirement, models.PROTECT, related_name="+", db_index=False)
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    name = models.CharField(max_length=253, blank=True, default="")
    kind = models.CharField(max_length=16)
    driver = models.CharField(max_length=16)
    phase = models.CharField(max_length=16, default="run")
    spec = models.JSONField(default=dict)
    # What its agent must carry, as its requirement says. The column has the name of the days when
    # tasks had no labels of their own: programs of an earlier version go on writing it.
    required_labels = models.JSONField(default=dict, db_column="labels")
    labels = models.JSONField(default=dict, db_default={}, db_column="own_labels")
    priority = models.PositiveSmallIntegerField(default=0)
    sort_key = models.FloatField()
    state = models.CharField(max_length=16, default=TaskState.PENDING)
    # The state between, when the last move took two steps at once; empty after a single one.
    via = models.CharField(max_length=16, blank=True, default="", db_default="")
    changed_at = models.DateTimeField()
    submitted_at = models.DateTimeField()
    run_after = models.DateTimeField(null=True, blank=True)
    queue_deadline_at = models.DateTimeField(null=True, blank=True)
    run_timeout_s = models.PositiveIntegerField(null=True, blank=True)
    silence_timeout_s = models.PositiveIntegerField(null=True, blank=True)
    # How long a plan waits for a decision, with its slot.
    reservation_timeout_s = models.PositiveIntegerField(default=86_400, db_default=86_400)
    lost_after_s = models.PositiveIntegerField(default=120)
    disconnect = models.CharField(
        max_length=8, choices=Disconnect.choices, default=Disconnect.REPLACE
    )
    retry = models.JSONField(default=dict)
    attempts_made = models.PositiveIntegerField(default=0)
    agent = models.ForeignKey(
        Agent, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    signal = models.IntegerField(null=True, blank=True)
    reason = models.CharField(max_length=64, blank=True, default="")
    message = models.CharField(max_length=4096, blank=True, default="")
    log_bytes = models.PositiveBigIntegerField(default=0)
    # What the work itself says of how far it is, and which attempt said so.
    progress = models.FloatField(null=True, blank=True)
    progress_text = models.CharField(max_length=200, blank=True, default="", db_default="")
    progress_at = models.DateTimeField(null=True, blank=True)
    progress_attempt = models.IntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-submitted_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["pool", "requirement", "project", "owner", "sort_key", "id"],
                condition=Q(state=TaskState.PENDING, run_after__isnull=True),
                name="task_queue",
            ),
            models.Index(
                fields=["run_after"],
                condition=Q(state=TaskState.PENDING, run_after__isnull=False),
                name="task_delayed",
            ),
            models.Index(
                fields=["queue_deadline_at"],
                condition=Q(state=TaskState.PENDING, queue_deadline_at__isnull=False),
                name="task_queue_deadline",
            ),
            models.Index(fields=["project", "-submitted_at", "-id"], name="task_by_project"),
            models.Index(fields=["state", "-submitted_at"], name="task_by_state"),
            models.Index(fields=["agent", "-submitted_at"], name="task_by_agent"),
            models.Index(
                fields=["ended_at"], condition=Q(ended_at__isnull=False), name="task_ended"
            ),
            models.Index(
                fields=["parent"], condition=Q(parent__isnull=False), name="task_by_parent"
            ),
            # Tasks without labels, which are most, do not pay for it at each move.
            GinIndex(
                fields=["labels"],
                opclasses=["jsonb_path_ops"],
                condition=~Q(labels={}),
                name="task_by_label",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in TaskState]),
                name="task_state_known",
            ),
            models.CheckConstraint(
                condition=Q(priority__gte=0, priority__lte=100), name="task_priority_bounds"
            ),
            models.CheckConstraint(
                condition=Q(disconnect__in=Disconnect.values), name="task_disconnect_known"
            ),
            models.CheckConstraint(
                condition=Q(lost_after_s__gte=1), name="task_lost_after_positive"
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=1), name="task_progress_bounds"
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class Attempt(models.Model):
    """One try of a task on one slot; numbered, fenced by a derived token.

    ``last_seq`` is the highest report taken. ``lost_after_s``, ``disconnect`` and the deadlines are
    copied from the task, so that expiry reads one table.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # Every move writes every index once more: only what is asked for has one.
    task = models.ForeignKey(Task, models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+", db_index=False)
    session = models.ForeignKey(Session, models.PROTECT, related_name="+")
    slot = models.ForeignKey(Slot, models.PROTECT, related_name="+", db_index=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=16, default=AttemptState.ASSIGNED)
    via = models.CharField(max_length=16, blank=True, default="", db_default="")
    stop_reason = models.CharField(max_length=24, blank=True, default=StopReason.NONE)
    changed_at = models.DateTimeField()
    assigned_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    last_report_at = models.DateTimeField(null=True, blank=True)
    run_deadline_at = models.DateTimeField(null=True, blank=True)
    # Set while it is held: until then somebody may decide about its plan.
    reserved_until = models.DateTimeField(null=True, blank=True)
    silence_timeout_s = models.PositiveIntegerField(null=True, blank=True)
    lost_after_s = models.PositiveIntegerField()
    disconnect = models.CharField(max_length=8, choices=Disconnect.choices)
    last_seq = models.PositiveBigIntegerField(default=0)
    result_hash = models.BinaryField(max_length=32, null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    signal = models.IntegerField(null=True, blank=True)
    reason = models.CharField(max_length=64, blank=True, default="")
    message = models.CharField(max_length=4096, blank=True, default="")
    pid = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["task", "number"]
        indexes: ClassVar = [
            models.Index(
                fields=["session"], condition=Q(state__in=CURRENT), name="attempt_current_session"
            ),
            models.Index(
                fields=["agent"], condition=Q(state__in=CURRENT), name="attempt_current_agent"
            ),
            models.Index(
                fields=["run_deadline_at"],
                condition=Q(state__in=CURRENT, run_deadline_at__isnull=False),
                name="attempt_run_deadline",
            ),
            models.Index(
                fields=["reserved_until"],
                condition=Q(state=AttemptState.HELD),
                name="attempt_reserved_until",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["task"], condition=Q(state__in=CURRENT), name="attempt_one_per_task"
            ),
            models.UniqueConstraint(
                fields=["slot"], condition=Q(state__in=CURRENT), name="attempt_one_per_slot"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in AttemptState]),
                name="attempt_state_known",
            ),
            models.CheckConstraint(
                condition=Q(stop_reason__in=[reason.value for reason in StopReason]),
                name="attempt_stop_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} #{self.number}"


class Tick(models.Model):
    """One run of one periodic job: the row is the right to run it."""

    job = models.CharField(max_length=64)
    scheduled_for = models.DateTimeField()
    taken_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "scheduled_for"], name="tick_once")
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.scheduled_for:%H:%M:%S}"


class Pulse(models.Model):
    """When a kind of server process was last known to work; ``steady_since`` its last gap's end.

    Expiry does not judge agents by a time in which we ourselves were away.
    """

    source = models.CharField(primary_key=True, max_length=32)
    seen_at = models.DateTimeField()
    steady_since = models.DateTimeField()

    def __str__(self) -> str:
        return self.source
