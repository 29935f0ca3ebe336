"""Projects with one thing of each kind, and how each call is made on them."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from executors.operating.models import Notification, NotificationTarget
from k8s4r import clock
from k8s4r.access.models import Project, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit.models import AuditEvent
from k8s4r.core.roles import Role
from pools.models import Pool
from tests.builders import (
    NOON,
    a_held_plan,
    a_k8s_config,
    a_member,
    a_pod_pool,
    a_pool,
    a_project,
    a_ready_pod,
    a_task,
    an_agent,
    an_attempt,
)


class Place(NamedTuple):
    """A project with one thing of each kind."""

    project: Project
    ids: dict[str, UUID]
    member: str
    event: int


def a_place(name: str) -> Place:
    project = a_project(name)
    pool = a_pool(name="default", project=project)
    agent = an_agent(f"{name}-agent", slots=8, project=project)
    spare = an_agent(f"{name}-spare", project=project)
    listed = a_pool(agent, name="listed", project=project)
    open_task = a_task(pool)
    ended = a_task(pool, state="failed", ended_at=NOON)
    attempt = an_attempt(a_task(pool), agent, state="running")
    planned = a_held_plan(pool, agent, now=clock.now())
    lost = attempt.task
    lost.state = "unknown"
    lost.save()
    in_pods = a_pod_pool(name="pods", project=project, k8s_config=a_k8s_config(project=project))
    enrolment = tokens.mint(TokenKind.ENROLMENT, Terms(lifetime=None, project=project), now=NOON)
    member = a_member(f"{name}-member", Role.VIEWER, project=project)
    token = tokens.mint(
        TokenKind.PERSON, Terms(lifetime=None, user=member, project=project), now=clock.now()
    )
    target = NotificationTarget.objects.create(
        project=project, name="ops", encrypted_url="x", url_shown="x", looked_until=NOON,
        created_at=NOON, changed_at=NOON,
    )  # fmt: skip
    message = Notification.objects.create(
        target=target, event="task_failed", severity="warning", title="t", state="dead",
        next_try_at=NOON, created_at=NOON,
    )  # fmt: skip
    config = a_k8s_config("cluster", project=project, is_default=True)
    return Place(
        project,
        {
            "task": open_task.pk, "ended": ended.pk, "lost": lost.pk, "planned": planned.task_id,
            "attempt": attempt.pk, "agent": agent.pk, "spare": spare.pk, "pool": listed.pk,
            "project": project.pk,
            "enrolment": enrolment.token.pk, "target": target.pk, "notification": message.pk,
            "token": token.token.pk, "config": config.pk, "pod": a_ready_pod(in_pods).pk,
        },
        member.username,
        _change(listed),
    )  # fmt: skip


def _change(pool: Pool) -> int:
    """Change a setting of a pool, and return the event that can be reverted."""
    Pool.objects.filter(pk=pool.pk).update(description="changed")
    return AuditEvent.objects.filter(object_id=pool.pk).values_list("id", flat=True)[0]


def nowhere(place: Place) -> Place:
    """Return a place whose things do not exist."""
    gone = {kind: clock.new_id() for kind in place.ids}
    return Place(Project(id=clock.new_id(), name="nowhere"), gone, place.member, place.event)


CLUSTER = {"name": "new", "server": "https://93.184.215.14:6443", "token": "x"}
EXEC = {"spec": {"argv": ["true"]}}
Recipe = Callable[[Place], tuple[str, Any]]
# How each call is made on the things of a place: the path and the body.
RECIPES: dict[tuple[str, str], Recipe] = {
    ("GET", "tasks/{id}"): lambda at: (f"tasks/{at.ids['task']}", None),
    ("GET", "tasks/{id}/attempts"): lambda at: (f"tasks/{at.ids['task']}/attempts", None),
    ("GET", "tasks/{id}/annotations"): lambda at: (f"tasks/{at.ids['task']}/annotations", None),
    ("GET", "tasks/{id}/events"): lambda at: (f"tasks/{at.ids['task']}/events", None),
    ("GET", "tasks/{id}/waiting"): lambda at: (f"tasks/{at.ids['task']}/waiting", None),
    ("GET", "agents/{id}/tasks"): lambda at: (f"agents/{at.ids['agent']}/tasks", None),
    ("GET", "attempts/{id}"): lambda at: (f"attempts/{at.ids['attempt']}", None),
    ("GET", "enrolment-tokens/{id}"): lambda at: (f"enrolment-tokens/{at.ids['enrolment']}", None),
    ("GET", "tokens/{id}"): lambda at: (f"tokens/{at.ids['token']}", None),
    ("GET", "history/{kind}/{id}"): lambda at: (f"history/pool/{at.ids['pool']}", None),
    ("POST", "history/{kind}/{id}/revert"): lambda at: (
        f"history/pool/{at.ids['pool']}/revert",
        {"event": at.event},
    ),
    ("GET", "k8s-configs/{id}"): lambda at: (f"k8s-configs/{at.ids['config']}", None),
    ("POST", "k8s-configs"): lambda at: ("k8s-configs", {**CLUSTER, "project": at.project.name}),
    ("PUT", "k8s-configs/{id}"): lambda at: (f"k8s-configs/{at.ids['config']}", {"name": "other"}),
    ("PATCH", "k8s-configs/{id}"): lambda at: (f"k8s-configs/{at.ids['config']}", {"active": True}),
    ("DELETE", "k8s-configs/{id}"): lambda at: (f"k8s-configs/{at.ids['config']}", None),
    ("POST", "k8s-configs/{id}/test"): lambda at: (f"k8s-configs/{at.ids['config']}/test", {}),
    ("POST", "k8s-configs/{id}/set-default"): lambda at: (
        f"k8s-configs/{at.ids['config']}/set-default",
        {},
    ),
    ("GET", "k8s-configs/{id}/pod-template"): lambda at: (
        f"k8s-configs/{at.ids['config']}/pod-template",
        None,
    ),
    ("PUT", "k8s-configs/{id}/pod-template"): lambda at: (
        f"k8s-configs/{at.ids['config']}/pod-template",
        {},
    ),
    ("POST", "k8s-configs/{id}/pod-template/preview"): lambda at: (
        f"k8s-configs/{at.ids['config']}/pod-template/preview",
        {},
    ),
    ("GET", "notification-targets/{id}"): lambda at: (
        f"notification-targets/{at.ids['target']}",
        None,
    ),
    ("POST", "notification-targets"): lambda at: (
        "notification-targets",
        {"name": "new", "url": "jsons://hooks.example.org/x", "project": at.project.name},
    ),
    ("PATCH", "notification-targets/{id}"): lambda at: (
        f"notification-targets/{at.ids['target']}",
        {"paused": True},
    ),
    ("DELETE", "notification-targets/{id}"): lambda at: (
        f"notification-targets/{at.ids['target']}",
        None,
    ),
    ("GET", "notifications/{id}"): lambda at: (f"notifications/{at.ids['notification']}", None),
    ("POST", "notifications/{id}/retry"): lambda at: (
        f"notifications/{at.ids['notification']}/retry",
        {},
    ),
    ("POST", "tasks"): lambda at: ("tasks", {**EXEC, "project": at.project.name}),
    ("POST", "tasks/{id}/cancel"): lambda at: (f"tasks/{at.ids['task']}/cancel", {}),
    ("POST", "tasks/{id}/retry"): lambda at: (f"tasks/{at.ids['ended']}/retry", {}),
    ("POST", "tasks/{id}/rerun"): lambda at: (f"tasks/{at.ids['ended']}/rerun", {}),
    ("POST", "tasks/{id}/resolve"): lambda at: (
        f"tasks/{at.ids['lost']}/resolve",
        {"outcome": "failed", "reason": "seen"},
    ),
    ("POST", "tasks/{id}/approve"): lambda at: (f"tasks/{at.ids['planned']}/approve", {}),
    ("POST", "tasks/{id}/reject"): lambda at: (f"tasks/{at.ids['planned']}/reject", {}),
    ("GET", "agents/{id}"): lambda at: (f"agents/{at.ids['agent']}", None),
    ("GET", "agents/{id}/status"): lambda at: (f"agents/{at.ids['agent']}/status", None),
    ("GET", "agent-pools/{id}"): lambda at: (f"agent-pools/{at.ids['pool']}", None),
    ("GET", "agent-pools/{id}/agents"): lambda at: (f"agent-pools/{at.ids['pool']}/agents", None),
    ("GET", "agent-pools/{id}/waiting"): lambda at: (f"agent-pools/{at.ids['pool']}/waiting", None),
    ("GET", "agent-pools/{id}/dispatches"): lambda at: (
        f"agent-pools/{at.ids['pool']}/dispatches",
        None,
    ),
    ("POST", "agent-pools/{id}/explain"): lambda at: (
        f"agent-pools/{at.ids['pool']}/explain",
        EXEC,
    ),
    ("GET", "agent-pools/{id}/pods"): lambda at: (f"agent-pools/{at.ids['pool']}/pods", None),
    ("GET", "agent-pools/{id}/slots"): lambda at: (f"agent-pools/{at.ids['pool']}/slots", None),
    ("GET", "agent-pools/{id}/decisions"): lambda at: (
        f"agent-pools/{at.ids['pool']}/decisions",
        None,
    ),
    ("GET", "pods/{id}"): lambda at: (f"pods/{at.ids['pod']}", None),
    ("GET", "pods/{id}/log"): lambda at: (f"pods/{at.ids['pod']}/log", None),
    ("POST", "pods/{id}/drain"): lambda at: (f"pods/{at.ids['pod']}/drain", {}),
    ("POST", "agents"): lambda at: ("agents", {"name": "new", "project": at.project.name}),
    ("PUT", "agents/{id}"): lambda at: (f"agents/{at.ids['agent']}", {"name": "renamed"}),
    ("PATCH", "agents/{id}"): lambda at: (f"agents/{at.ids['agent']}", {"description": "x"}),
    ("DELETE", "agents/{id}"): lambda at: (f"agents/{at.ids['spare']}", None),
    ("POST", "agents/{id}/approve"): lambda at: (f"agents/{at.ids['agent']}/approve", {}),
    ("POST", "agents/{id}/settings"): lambda at: (
        f"agents/{at.ids['agent']}/settings",
        {"slots": 2},
    ),
    ("POST", "agents/{id}/pause"): lambda at: (f"agents/{at.ids['agent']}/pause", {}),
    ("POST", "agents/{id}/drain"): lambda at: (f"agents/{at.ids['agent']}/drain", {}),
    ("POST", "agents/{id}/resume"): lambda at: (f"agents/{at.ids['agent']}/resume", {}),
    ("POST", "agent-pools"): lambda at: ("agent-pools", {"name": "n", "project": at.project.name}),
    ("PUT", "agent-pools/{id}"): lambda at: (
        f"agent-pools/{at.ids['pool']}",
        {"name": "listed", "pool_type": "static"},
    ),
    ("PATCH", "agent-pools/{id}"): lambda at: (
        f"agent-pools/{at.ids['pool']}",
        {"description": "x"},
    ),
    ("DELETE", "agent-pools/{id}"): lambda at: (f"agent-pools/{at.ids['pool']}", None),
    ("POST", "agent-pools/{id}/agents"): lambda at: (
        f"agent-pools/{at.ids['pool']}/agents",
        {"agent_id": str(at.ids["spare"])},
    ),
    ("DELETE", "agent-pools/{id}/agents/{id}"): lambda at: (
        f"agent-pools/{at.ids['pool']}/agents/{at.ids['agent']}",
        None,
    ),
    ("POST", "enrolment-tokens"): lambda at: ("enrolment-tokens", {"project": at.project.name}),
    ("DELETE", "enrolment-tokens/{id}"): lambda at: (
        f"enrolment-tokens/{at.ids['enrolment']}",
        None,
    ),
    ("POST", "agents/{id}/revoke-token"): lambda at: (
        f"agents/{at.ids['agent']}/revoke-token",
        {},
    ),
    ("POST", "agents/{id}/regenerate-token"): lambda at: (
        f"agents/{at.ids['agent']}/regenerate-token",
        {},
    ),
    ("GET", "projects/{id}"): lambda at: (f"projects/{at.project.pk}", None),
    ("PUT", "projects/{id}"): lambda at: (f"projects/{at.project.pk}", {"weight": 2}),
    ("PATCH", "projects/{id}"): lambda at: (f"projects/{at.project.pk}", {"weight": 2}),
    ("GET", "projects/{id}/members"): lambda at: (f"projects/{at.project.pk}/members", None),
    ("POST", "projects/{id}/members"): lambda at: (
        f"projects/{at.project.pk}/members",
        {"user": "zoe", "roles": ["viewer"]},
    ),
    ("DELETE", "projects/{id}/members/{user}"): lambda at: (
        f"projects/{at.project.pk}/members/{at.member}",
        None,
    ),
    ("DELETE", "tokens/{id}"): lambda at: (f"tokens/{at.ids['token']}", None),
}
# These wait for a worker when they are not refused.
SLOW: dict[tuple[str, str], Recipe] = {
    ("POST", "notification-targets/{id}/test"): lambda at: (
        f"notification-targets/{at.ids['target']}/test",
        {},
    ),
}
