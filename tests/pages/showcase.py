"""A platform with something of everything on it: each state, each reason, long names and logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.models import Agent, Session
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Annotation, Attempt, LogChunk, Requirement, Task
from k8s4r import clock
from k8s4r.access.models import Project, Token, TokenKind, User
from k8s4r.audit import attribution
from k8s4r.audit.attribution import SYSTEM, Actor
from k8s4r.audit.models import AuditEvent
from pools.models import Pod, Pool
from tests.builders import (
    a_member,
    a_pool,
    a_project,
    a_requirement,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
)
from tests.pages import pod_rows
from tests.pages.looking import PASSWORD
from tests.serving import a_token

OPERATOR, VISITOR = "olga", "vera"
# Nothing here ever falls silent: sessions were heard in an hour from now.
HEARD_AHEAD = timedelta(hours=1)
LOG = (
    b"\x1b[1m==> Planning\x1b[0m\n::group::Download modules\nvpc 3.2.1\nrds 1.8.0\n::endgroup::\n"
    b"  \x1b[32m+\x1b[0m aws_instance.web[0] will be created\n"
    b"  \x1b[33m~\x1b[0m aws_db.main will be changed\n  \x1b[31m-\x1b[0m aws_s3.old goes\n"
    b"progress 10%\rprogress 60%\rprogress 100%\n<script>alert('no')</script>\n"
    b"Plan: 1 to add, 1 to change, 1 to destroy.\n"
)


# What the work of "plan production" pinned to its page; the last one tries to get out of it.
NOTES = {
    "plan": (
        "success",
        "## 3 to add, 1 to change, 0 to destroy\n\n| resource | change |\n|---|---|\n"
        "| `aws_instance.web[0]` | add |\n| `aws_instance.web[1]` | add |\n\n"
        "See [the runbook](https://runbook.example/plan).",
    ),
    "policy": ("warning", "- `size=large` costs **3** times as much\n- nobody approved it yet"),
    "evil": (
        "error",
        "<script>window.canary = 1</script><img src=x onerror='window.canary = 2'>\n\n"
        "![pixel](https://evil.example/pixel.png) [go](javascript:window.canary=3)\n\n"
        "```</code></pre><script>window.canary = 4</script>\nx\n```\n\n"
        + "a-word-that-is-longer-than-any-telephone-is-wide"
        * 8,
    ),
}


@dataclass(slots=True)
class Showcase:
    """What is on it, by name."""

    now: datetime
    project: Project
    default: Pool
    tasks: dict[str, Task] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    token: UUID | None = None
    pod: Pod | None = None
    # By which the default pool got its limit.
    event: int | None = None

    def samples(self) -> dict[str, UUID | str | None]:
        """Return for each variable part of an address something that is there."""
        return {
            "task_id": self.tasks["plan production"].pk,
            "agent_id": self.agents["build-1"].pk,
            "pool_id": self.pools["default"].pk,
            "token_id": self.token,
            "pod_id": self.pod.pk if self.pod else None,
            "config_id": self.pod.config_id if self.pod else None,
            "id": User.objects.get(username=VISITOR).pk,
            "name": "cancel",
            "value": "draining",
            "ending": "delete",
            "event_id": self.event,
            "filter_id": self.token,
        }


def made() -> Showcase:
    """Make it all."""
    now = clock.now()
    people(now)
    project = a_project()
    shown = Showcase(now, project, a_pool(name="default", created_at=now, changed_at=now))
    shown.pools = {
        "default": shown.default,
        "gpus": a_pool(name="gpus", max_concurrent=4, max_per_owner=2, required_labels={"gpu": ""}),
        # Only real agents that a test starts are in it.
        "live": a_pool(name="live", type="static"),
        "guests": a_pool(name="guests", type="static"),
        "robots": a_pool(name="robots", paused=True, strategy="round_robin"),
    }
    _agents(shown)
    _running(shown)
    _yesterday(shown)
    _ended(shown)
    _waiting(shown)
    _steered(shown)
    shown.pools["terraform"], shown.pod = pod_rows.made(now, heard=now + HEARD_AHEAD)
    a_token(TokenKind.ENROLMENT, project=project)
    shown.token = Token.objects.get(kind=TokenKind.ENROLMENT).pk
    return shown


def people(now: datetime) -> None:
    """Make an operator who may do everything and a visitor who may look."""
    for name, is_superuser in ((OPERATOR, True), (VISITOR, False)):
        user = User(username=name, is_staff=True, is_superuser=is_superuser, date_joined=now)
        user.set_password(PASSWORD)
        user.save()
    a_member(VISITOR, "viewer")
    for name in ("alice", "bob"):
        User.objects.create(username=name, date_joined=now)


def _steered(shown: Showcase) -> None:
    """Let the operator change settings and share things, so that there is a past to show."""
    a_member("alice", "operator", project=shown.project)
    a_member("bob", "viewer", "approver", project=shown.project)
    web = a_project("web", description="the shop and what it needs", weight=2)
    night = {"from": "22:00", "to": "04:00", "days": ["mon", "tue"], "timezone": "Europe/Berlin",
             "note": "backups", "mode": "no_new_work"}  # fmt: skip
    olga = Actor("user", str(User.objects.get(username=OPERATOR).pk))
    changes: list[dict[str, Any]] = [
        {"max_concurrent": 5},
        {"max_concurrent": 50, "description": "for everything that has no pool of its own"},
        {"windows": [night], "shared_with": [str(web.pk)], "weights": {str(web.pk): 0.5}},
    ]
    for change in changes:
        with signed(olga, "change_pool"):
            Pool.objects.filter(pk=shown.default.pk).update(**change)
    events = AuditEvent.objects.filter(object_id=shown.default.pk, cause="change_pool")
    shown.event = events.order_by("id")[1].pk
    with signed(olga, "change_project"):
        Project.objects.filter(pk=shown.project.pk).update(description="where everything begins")


def heard(agent: Agent, at: datetime) -> Agent:
    """Note when an agent was last heard."""
    Session.objects.filter(agent=agent).update(
        last_heartbeat_at=at, version="0.1.0", boot_id="5f3c-1"
    )
    return agent


def _agents(shown: Showcase) -> None:
    told: dict[str, dict[str, Any]] = {
        "build-1": {"slots": 4, "labels": {"zone": "eu-1", "disk": "nvme"}},
        "build-2": {"slots": 2, "labels": {"zone": "eu-2"}, "desired": "draining"},
        "rover-7": {"slots": 1, "labels": {"zone": "yard"}, "observed": "error",
                    "observed_reason": "disk full: /var/lib/k8s4r has 0 bytes left"},
        "edge": {"slots": 3, "name": "edge-with-a-rather-long-name-that-somebody-generated-0042",
                 "observed": "offline", "desired": "paused"},
        "newcomer": {"slots": 0, "observed": "pending"},
    }  # fmt: skip
    for name, facts in told.items():
        made = shown.now - timedelta(days=3)
        device = {"os": "Debian 12", "arch": "x86_64", "cpus": 8, "memory_mb": 32_000}
        named = facts.pop("name", name)
        agent = an_agent(named, now=made, device_info=device, project=shown.project, **facts)
        shown.agents[name] = heard(agent, shown.now + HEARD_AHEAD)


def _running(shown: Showcase) -> None:
    plan = _started(shown, "plan production", "build-1", minutes=14, owner="alice")
    write(plan, LOG)
    _told(plan, shown.now)
    _started(shown, "train-model", "build-1", minutes=95, owner="bob")
    _started(shown, "backup nightly", "build-2", minutes=3, owner="alice")
    away = _started(shown, "survey field 7", "rover-7", minutes=400, owner="bob")
    Attempt.objects.filter(pk=away.pk).update(state=AttemptState.UNKNOWN)
    Task.objects.filter(pk=away.task_id).update(state=TaskState.UNKNOWN)


def _told(attempt: Attempt, now: datetime) -> None:
    """Let the work say how far it is, and pin what a good and an evil task would pin."""
    Task.objects.filter(pk=attempt.task_id).update(
        progress=0.4, progress_text="4 of 10 modules", progress_at=now,
        progress_attempt=attempt.number,
    )  # fmt: skip
    for context, (style, text) in NOTES.items():
        Annotation.objects.create(
            attempt=attempt, context=context, style=style, text=text, told_at=now
        )


def _started(shown: Showcase, name: str, agent: str, *, minutes: int, owner: str) -> Attempt:
    """Make a task that a person submitted, a pass gave away and its agent began."""
    began = shown.now - timedelta(minutes=minutes)
    by = User.objects.get(username=owner)
    facts = {"labels": {"zone": "eu-1"}, "priority": 10, "driver": "exec", "owner": by,
             "spec": {"argv": ["terraform", "plan", "-var", "size=large"],
                      "env": {"TF_LOG": "info"}}}  # fmt: skip
    with signed(Actor("user", str(by.pk)), "submit"):
        task = a_task(shown.default, now=began - timedelta(seconds=40), name=name, **facts)
    shown.tasks[name] = task
    task.changed_at = began
    with signed(SYSTEM, "dispatch"):
        attempt = an_attempt(task, shown.agents[agent], now=began)
    with signed(Actor("agent", str(attempt.agent_id)), "started"):
        moved = {"started_at": began, "changed_at": began}
        Task.objects.filter(pk=task.pk).update(state=TaskState.RUNNING, **moved)
        Attempt.objects.filter(pk=attempt.pk).update(
            state=AttemptState.RUNNING, pid=4711, last_report_at=shown.now, **moved
        )
    return attempt


@contextmanager
def signed(actor: Actor, cause: str) -> Iterator[None]:
    """Sign what is written in the block."""
    with transaction.atomic():
        attribution.attribute(actor, cause=cause)
        yield


def write(attempt: Attempt, data: bytes, *, stream: str = "stdout", seq: int = 2) -> None:
    """Store output of an attempt."""
    LogChunk.objects.create(attempt=attempt, seq=seq, stream=stream, at=clock.now(), data=data)
    Task.objects.filter(pk=attempt.task_id).update(log_bytes=len(data))


def _ended(shown: Showcase) -> None:
    ends: list[tuple[str, TaskState, dict[str, Any]]] = [
        ("build 1041", TaskState.COMPLETED, {"exit_code": 0}),
        ("build 1042", TaskState.FAILED, {"exit_code": 2, "reason": "exit_code"}),
        ("deploy eu", TaskState.TIMED_OUT, {"reason": "run_deadline", "signal": 15}),
        ("old experiment", TaskState.CANCELLED, {"reason": "cancelled"}),
    ]
    for index, (name, state, facts) in enumerate(ends):
        attempt = _started(shown, name, "build-1", minutes=12 * index + 9, owner="bob")
        write(attempt, b"cc -O2 main.c\n")
        write(attempt, b"main.c:7: error: expected ';'\n", stream="stderr", seq=3)
        end = shown.now - timedelta(minutes=12 * index + 5, seconds=53)
        ended = {"exit_code": None, **facts, "ended_at": end, "changed_at": end}
        how = {TaskState.COMPLETED: "succeeded", TaskState.FAILED: "failed"}
        with signed(Actor("agent", str(attempt.agent_id)), "ended"):
            Attempt.objects.filter(pk=attempt.pk).update(state=how.get(state, "stopped"), **ended)
            Task.objects.filter(pk=attempt.task_id).update(state=state, **ended)


def _yesterday(shown: Showcase) -> None:
    """Make what ended in the last 24 hours, some of it badly."""
    bob = User.objects.get(username="bob")
    for hour in range(1, 24):
        at = shown.now - timedelta(hours=hour, minutes=20)
        for count, state in ((2 + hour * 5 % 7, TaskState.COMPLETED), (hour % 2, TaskState.FAILED)):
            name = f"sync {hour:02d}h"
            began = at - timedelta(minutes=4)
            a_tasks(shown.default, count, now=began, state=state, started_at=began, name=name,
                    ended_at=at, owner=bob, reason="exit_code", exit_code=hour % 2)  # fmt: skip


def _waiting(shown: Showcase) -> None:
    needs = {
        "needs a gpu": ("default", {"gpu": "a100"}, "labels_missing"),
        "for a paused pool": ("robots", {}, "paused"),
    }
    for index, (name, (pool, labels, code)) in enumerate(needs.items()):
        requirement = a_requirement(shown.pools[pool], labels=labels, driver="exec")
        since = shown.now - timedelta(minutes=20 + 30 * index)
        Requirement.objects.filter(pk=requirement.pk).update(waiting_code=code, waiting_since=since)
        task = a_task(shown.pools[pool], now=since, name=name, requirement=requirement,
                      driver="exec", spec={"argv": ["nvidia-smi"]},
                      owner=User.objects.get(username="alice"))  # fmt: skip
        shown.tasks[name] = task
