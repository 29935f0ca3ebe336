"""Rows for tests: literal values for what matters, sensible ones for the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from agents.models import Agent, Session, Slot
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Artifact, Attempt, Requirement, Task
from k8s4r import clock
from k8s4r.access.models import Membership, Project, User
from pools.core.pods import PodMode
from pools.models import K8sConfig, Pod, Pool, Reach
from pools.models import Membership as PoolMembership
from pools.services import pods
from pools.services.pods import NewPod

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_user(name: str = "alice", **fields: Any) -> User:
    """Return the user of that name, made at the first call."""
    return User.objects.get_or_create(username=name, defaults=fields)[0]


def an_admin(name: str = "alice", **fields: Any) -> User:
    """Return the user of that name, who may do everything from now on."""
    user = a_user(name, is_superuser=True, **fields)
    if not user.is_superuser:
        user.is_superuser = True
        user.save(update_fields=["is_superuser"])
    return user


def a_member(name: str, *roles: str, project: Project | None = None) -> User:
    """Return the user of that name with these roles in a project; without one, in every."""
    user = a_user(name)
    for role in roles:
        Membership.objects.get_or_create(
            user=user, project=project, role=role, defaults={"added_at": NOON}
        )
    return user


def a_project(name: str = "default", **fields: Any) -> Project:
    """Return the project of that name, made at the first call."""
    return Project.objects.get_or_create(name=name, defaults={"created_at": NOON, **fields})[0]


def an_agent(
    name: str | None = None, *, slots: int = 1, now: datetime = NOON, **fields: Any
) -> Agent:
    """Return an agent that is online in an open session, with general slots."""
    identity = clock.new_id()
    agent = Agent.objects.create(
        id=identity,
        name=name or f"agent-{identity.hex[-12:]}",
        **{
            "project": fields.pop("project", None) or a_project(),
            "observed": "online",
            "capabilities": {"drivers": ["exec", "noop"]},
            "created_at": now,
            "changed_at": now,
            **fields,
        },
    )
    Session.objects.create(
        id=clock.new_id(), agent=agent, slots=slots, opened_at=now, last_heartbeat_at=now
    )
    Slot.objects.bulk_create(Slot(agent=agent, index=index) for index in range(slots))
    return agent


def session_of(agent: Agent) -> Session:
    """Return the agent's open session."""
    return Session.objects.get(agent=agent, ended_at__isnull=True)


def a_pool(*members: Agent, name: str | None = None, **fields: Any) -> Pool:
    """Return a pool; with members a static one, without a dynamic one that takes every agent."""
    identity = clock.new_id()
    pool = Pool.objects.create(
        id=identity,
        name=name or f"pool-{identity.hex[-12:]}",
        **{
            "project": fields.pop("project", None) or a_project(),
            "type": "static" if members else "dynamic",
            "created_at": NOON,
            "changed_at": NOON,
            **fields,
        },
    )
    PoolMembership.objects.bulk_create(
        PoolMembership(pool=pool, agent=agent, added_at=NOON) for agent in members
    )
    return pool


def a_k8s_config(name: str | None = None, **fields: Any) -> K8sConfig:
    """Return a config of a cluster that nobody reaches: its credential opens with no key."""
    identity = clock.new_id()
    config = K8sConfig.objects.create(
        id=identity,
        name=name or f"cluster-{identity.hex[-12:]}",
        **{
            "project": fields.pop("project", None) or a_project(),
            "server": "https://cluster.example:6443",
            "namespace": "k8s4r",
            "credential_kind": "token",
            "encrypted_credential": "v1.none.none.none",
            "created_at": NOON,
            "changed_at": NOON,
            **fields,
        },
    )
    Reach.objects.create(config=config)
    return config


def a_pod_pool(mode: PodMode = PodMode.SLOTS, **fields: Any) -> Pool:
    """Return a pool whose pods are in the cluster of a config."""
    config = fields.pop("k8s_config", None) or a_k8s_config()
    return a_pool(k8s_config=config, pod_mode=mode, **fields)


def a_pod(pool: Pool, *, now: datetime = NOON, task: Task | None = None, **fields: Any) -> Pod:
    """Return a pod as it is right after the decision to have it, or with ``fields``."""
    (pod,) = pods.make(pool, [NewPod(task_id=task.pk if task else None)], now=now)
    if fields:
        Pod.objects.filter(pk=pod.pk).update(**fields)
        pod.refresh_from_db()
    return pod


def a_ready_pod(pool: Pool, *, now: datetime = NOON, **fields: Any) -> Pod:
    """Return a pod with a uid whose agent is online in an open session."""
    pod = a_pod(
        pool, now=now, **{"state": "ready", "ready_at": now, "uid": clock.new_id(), **fields}
    )
    slots = Slot.objects.filter(agent=pod.agent).count()
    Agent.objects.filter(pk=pod.agent_id).update(
        observed="online", capabilities={"drivers": ["exec", "noop"]}
    )
    Session.objects.create(
        id=clock.new_id(), agent=pod.agent, slots=slots, opened_at=now, last_heartbeat_at=now
    )
    return pod


def a_requirement(pool: Pool, **fields: Any) -> Requirement:
    """Return a requirement of the pool; equal fields give the same row."""
    content = {"kind": "exec", "driver": "noop", "labels": {}, "constraints": [], **fields}
    identity = f"{pool.pk.hex[:20]}{abs(hash(str(sorted(content.items())))) % 10**12:012d}"
    return Requirement.objects.get_or_create(id=identity, defaults={"pool": pool, **content})[0]


def a_task(pool: Pool, *, now: datetime = NOON, **fields: Any) -> Task:
    """Return a pending task that asks for nothing in particular."""
    return a_tasks(pool, 1, now=now, **fields)[0]


def a_tasks(pool: Pool, count: int, *, now: datetime = NOON, **fields: Any) -> list[Task]:
    """Return pending tasks, oldest first."""
    requirement = fields.pop("requirement", None) or a_requirement(pool)
    priority = fields.get("priority", 0)
    shared = {
        "project": pool.project,
        "owner": fields.pop("owner", None) or a_user(),
        "pool": pool,
        "requirement": requirement,
        "required_labels": requirement.labels,
        "kind": "exec",
        "driver": "noop",
        "changed_at": now,
        "submitted_at": now,
        **fields,
    }
    return Task.objects.bulk_create(
        Task(
            id=clock.new_id(),
            sort_key=now.timestamp() - priority * 60 + index * 1e-3,
            **shared,
        )
        for index in range(count)
    )


def an_attempt(
    task: Task,
    agent: Agent,
    *,
    state: str = AttemptState.ASSIGNED,
    now: datetime = NOON,
    **fields: Any,
) -> Attempt:
    """Return a current attempt of the task on a free slot of the agent; the task follows it."""
    taken = Attempt.objects.filter(agent=agent, ended_at__isnull=True).values("slot")
    slot = fields.pop("slot", None) or Slot.objects.filter(agent=agent).exclude(pk__in=taken)[0]
    running = state != AttemptState.ASSIGNED
    attempt = Attempt.objects.create(
        id=clock.new_id(),
        task=task,
        number=task.attempts_made + 1,
        agent=agent,
        slot=slot,
        project=task.project,
        state=state,
        **{
            "session": fields.pop("session", None) or session_of(agent),
            "changed_at": now,
            "assigned_at": now,
            "started_at": now if running else None,
            "lost_after_s": task.lost_after_s,
            "disconnect": task.disconnect,
            "silence_timeout_s": task.silence_timeout_s,
            **fields,
        },
    )
    task.attempts_made += 1
    task.agent = agent
    task.state = TaskState.RUNNING if running else TaskState.DISPATCHING
    task.started_at = attempt.started_at
    task.save()
    return attempt


def a_held_plan(
    pool: Pool, agent: Agent, *, sha256: str = "", now: datetime = NOON, **fields: Any
) -> Attempt:
    """Return the attempt whose plan waits for a decision; with a digest it left a file."""
    asked = {"kind": "plan_and_apply", "phase": "plan", **fields}
    attempt = an_attempt(
        a_task(pool, now=now, **asked),
        agent,
        state=AttemptState.HELD,
        now=now,
        last_seq=2,
        reserved_until=now + seconds(86_400),
    )
    Task.objects.filter(pk=attempt.task_id).update(state=TaskState.APPLY_PENDING)
    if sha256:
        Artifact.objects.create(
            attempt=attempt, name="plan", sha256=sha256, size_bytes=5, stored_at=now
        )
    return attempt


def a_running_attempt(
    pool: Pool, agent: Agent, *, now: datetime = NOON, last_seq: int = 0, **fields: Any
) -> Attempt:
    """Return a running attempt of a new task that never was pending.

    Where a gateway runs, it gives a pending task away before a test has written its attempt.
    """
    task = a_task(pool, now=now, state=TaskState.RUNNING, **fields)
    return an_attempt(task, agent, state=AttemptState.RUNNING, now=now, last_seq=last_seq)


def seconds(count: float) -> timedelta:
    """Return a duration."""
    return timedelta(seconds=count)


def state_of(row: Task | Attempt | UUID) -> str:
    """Return the state a task or attempt has in the database now."""
    if isinstance(row, UUID):
        return Task.objects.get(pk=row).state
    return type(row).objects.get(pk=row.pk).state
