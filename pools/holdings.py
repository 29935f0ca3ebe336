"""Which clusters can be reached, which pods do pools have there, and what is done to them?"""

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value

from agents.models import Agent
from k8s4r import clock
from k8s4r.access.models import Project
from pools.core.pods import ActionKind, ActionState, PodFailure, PodState


class K8sConfig(models.Model):
    """How to reach a cluster, and what pods look like there.

    ``encrypted_credential`` opens with the encryption key alone: JSON of either ``token`` or
    ``client_certificate`` and ``client_key``. ``credential_expires_at`` is what it says itself.
    ``pod_template`` is kept as `core.templates` reads it. ``active`` is people's switch.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="+")
    name = models.SlugField(max_length=63)
    description = models.TextField(blank=True, default="")
    server = models.CharField(max_length=2048)
    ca_data = models.TextField(blank=True, default="", help_text="PEM.")
    tls_server_name = models.CharField(max_length=253, blank=True, default="")
    context_name = models.CharField(max_length=253, blank=True, default="")
    namespace = models.CharField(max_length=63, default="default")
    credential_kind = models.CharField(max_length=24)
    encrypted_credential = models.TextField()
    credential_expires_at = models.DateTimeField(null=True, blank=True)
    service_account_name = models.CharField(max_length=253, default="default")
    image_pull_secrets = models.JSONField(default=list, blank=True)
    pod_template = models.JSONField(default=dict, blank=True)
    is_default = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
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
                name="k8s_config_name_once",
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(is_default=True, archived_at__isnull=True),
                name="k8s_config_one_default",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Reach(models.Model):
    """What is known of the cluster behind a config, and who works on it now.

    ``cluster_uid`` is pinned at the first answer. ``leased_until`` is until when one worker has the
    cluster for itself. ``failures`` calls in a row had no answer: the next is not before
    ``retry_at``. ``alarm`` says what people should look at (pods missing at once, another
    cluster); ``missing`` are the pod ids that were missing when it began. ``budgets`` are the ids
    of pools of which a PodDisruptionBudget may be there. ``report`` is the last check, as `/test`
    answers.
    """

    config = models.OneToOneField(K8sConfig, models.CASCADE, primary_key=True, related_name="+")
    cluster_uid = models.CharField(max_length=64, blank=True, default="")
    leased_until = models.DateTimeField(null=True, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True, default="")
    alarm = models.CharField(max_length=500, blank=True, default="")
    alarmed_at = models.DateTimeField(null=True, blank=True)
    missing = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)
    budgets = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    healthy = models.BooleanField(null=True)
    report = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)

    def __str__(self) -> str:
        return f"{self.config_id} seen {self.observed_at}"


class Pod(models.Model):
    """A pod of ours, from the decision to have it until Kubernetes says that it is gone.

    The row comes before the pod; its name is made from its id, so that a repeated create finds the
    first one. ``uid`` is Kubernetes' and empty until known. ``task_id`` is set where the pod is for
    one task. ``template_hash`` is of the manifest it was made by. ``shielded`` is what its cluster
    was last told. ``log`` is the end of a failed pod's log.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    pool = models.ForeignKey("pools.Pool", models.PROTECT, related_name="+")
    config = models.ForeignKey(K8sConfig, models.PROTECT, related_name="+")
    agent = models.OneToOneField(Agent, models.PROTECT, related_name="+")
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    uid = models.CharField(max_length=64, blank=True, default="")
    task_id = models.UUIDField(null=True, blank=True)
    template_hash = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=16, default=PodState.CREATING)
    failure = models.CharField(max_length=24, blank=True, default=PodFailure.NONE)
    message = models.CharField(max_length=1024, blank=True, default="")
    node = models.CharField(max_length=253, blank=True, default="")
    shielded = models.BooleanField(default=False)
    observed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True, blank=True)
    idle_since = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)
    log = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["pool", "created_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["pool", "state"], name="pod_by_pool"),
            models.Index(
                fields=["config"], condition=~Q(state=PodState.GONE), name="pod_by_config"
            ),
            models.Index(
                fields=["pool", "created_at"],
                condition=~Q(failure="") & Q(ready_at__isnull=True),
                name="pod_never_worked",
            ),
            models.Index(
                fields=["pool", "ready_at"],
                condition=Q(ready_at__isnull=False),
                name="pod_last_ready",
            ),
            models.Index(
                fields=["task_id"], condition=Q(task_id__isnull=False), name="pod_by_task"
            ),
            models.Index(fields=["gone_at"], condition=Q(state=PodState.GONE), name="pod_gone"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["config", "namespace", "name"],
                condition=~Q(state=PodState.GONE),
                name="pod_name_once",
            ),
            models.UniqueConstraint(
                fields=["config", "uid"], condition=~Q(uid=""), name="pod_uid_once"
            ),
            models.UniqueConstraint(
                fields=["task_id"],
                condition=Q(task_id__isnull=False) & ~Q(state__in=["gone", "failed", "deleting"]),
                name="pod_one_per_task",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[str(state) for state in PodState]), name="pod_state_known"
            ),
            models.CheckConstraint(
                condition=Q(failure__in=[str(code) for code in PodFailure]),
                name="pod_failure_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PodAction(models.Model):
    """A create, patch or delete of a pod: a row before it is a call.

    Tried from ``not_before`` on until it is done; ``leased_until`` keeps a second worker from it.
    """

    id = models.BigAutoField(primary_key=True)
    pod = models.ForeignKey(Pod, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8)
    state = models.CharField(max_length=8, default=ActionState.PENDING)
    tries = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(
                fields=["not_before"],
                condition=Q(state=ActionState.PENDING),
                name="pod_action_due",
            ),
            models.Index(
                fields=["done_at"], condition=Q(done_at__isnull=False), name="pod_action_over"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["pod", "kind"],
                condition=Q(state=ActionState.PENDING),
                name="pod_action_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[str(kind) for kind in ActionKind]), name="pod_action_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[str(state) for state in ActionState]),
                name="pod_action_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pod_id}"


class ScalingDecision(models.Model):
    """What one look at a pool's demand led to; equal looks one after the other are one row.

    ``demand``: by lane, ``{"busy", "queued", "held"}``. ``desired``, ``serving`` and ``counted``
    are numbers of pods; ``made`` and ``drained`` what was done about it. ``code`` is the stable
    reason, ``reason`` the sentence. Made at ``at``, the same again ``times`` times until ``until``.
    """

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey("pools.Pool", models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    until = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    demand = models.JSONField(default=dict)
    desired = models.PositiveIntegerField()
    serving = models.PositiveIntegerField()
    ready = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()
    made = models.PositiveIntegerField(default=0)
    drained = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=24)
    reason = models.CharField(max_length=500)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["pool", "-id"], name="scaling_newest"),
            models.Index(fields=["until"], name="scaling_until"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.serving} -> {self.desired}"
