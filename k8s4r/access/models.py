"""Who acts, in which project, and by which proof?"""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac

from k8s4r import clock
from k8s4r.core.roles import Role


class User(AbstractUser):
    """A person, or an integration that acts for one.

    Sessions that were opened before ``factor_changed_at`` are over, like those before a change of
    the password: both are part of what a session is compared with.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    factor_changed_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the second factor was last turned on, off, or reset.",
    )

    def get_session_auth_hash(self) -> str:
        """Return what a session of this person has to carry."""
        return self._with_factor(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield the same by each former secret key."""
        for one in super().get_session_auth_fallback_hash():
            yield self._with_factor(one)

    def _with_factor(self, of_password: str) -> str:
        if self.factor_changed_at is None:
            return of_password
        told = f"{of_password}{self.factor_changed_at.timestamp()}"
        # Both parts are keyed digests already; this binds them.
        return salted_hmac("k8s4r.access.models.User", told, algorithm="sha256").hexdigest()


class Project(models.Model):
    """What tasks, pools and agents belong to; the wall between tenants."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    name = models.SlugField(max_length=63, unique=True)
    description = models.TextField(blank=True, default="")
    weight = models.FloatField(default=1.0, help_text="Fair share against other projects.")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(weight__gt=0), name="project_weight_positive")
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role of a person in a project; without a project, in every one."""

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=16, choices=[(str(role), str(role)) for role in Role])
    added_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["user__username", "role"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "project", "role"], nulls_distinct=False, name="role_once"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[str(role) for role in Role]), name="role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.project or 'every project'}"


class TokenKind(models.TextChoices):
    """Whose proof a token is; the first part of its text."""

    PERSON = "pat", "person"
    ENROLMENT = "enr", "enrolment"
    AGENT = "agt", "agent"
    POD = "pod", "pod"


# By which agents are known: those in pods have tokens that end with the pod.
OF_AGENTS = (TokenKind.AGENT, TokenKind.POD)


class Token(models.Model):
    """A proof of identity. Only a keyed digest of its secret is stored.

    ``subject`` is the agent of an agent's or a pod's token. ``supersedes`` ties the two tokens of a
    rotation: when this one is used, that one dies.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    kind = models.CharField(max_length=3, choices=TokenKind.choices)
    key_id = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="+")
    subject = models.UUIDField(null=True, blank=True)
    label = models.CharField(max_length=200, blank=True, default="")
    pool_id = models.UUIDField(null=True, blank=True, help_text="Enrolment: the pool to join.")
    label_keys = models.JSONField(default=list, blank=True)
    scopes = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Person: the permissions it is good for; none: all.",
    )
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    uses = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotating = models.BooleanField(default=False, help_text="A new one is minted on next use.")
    supersedes = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["subject"], name="token_subject"),
            models.Index(
                fields=["subject"],
                condition=models.Q(revoked_at=None),
                name="token_subject_not_revoked",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=TokenKind.values), name="token_kind_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}_{self.key_id}"

    def standing(self, now: datetime) -> str:
        """Return in a word whether it is good: active, revoked, expired or used up."""
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= now:
            return "expired"
        if self.max_uses is not None and self.uses >= self.max_uses:
            return "used up"
        return "active"


class SecondFactor(models.Model):
    """The secret that a person's app makes codes of, encrypted; bookkeeping of its codes.

    Until ``confirmed_at`` it is only being set up, and nobody is asked for a code. ``last_step``
    is the newest that was taken. Of recovery codes only keyed digests are stored, one each that
    is left. ``bad_codes`` counts those in a row; until ``wait_until`` none is looked at.
    """

    id = models.UUIDField(primary_key=True, default=clock.new_id, editable=False)
    user = models.OneToOneField(User, models.CASCADE, related_name="+")
    encrypted_secret = models.TextField()
    recovery_digests = models.JSONField(default=list, blank=True)
    begun_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)
    bad_codes = models.PositiveIntegerField(default=0)
    wait_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["user__username"]

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"
