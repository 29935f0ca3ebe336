"""What does Kubernetes' JSON say of a pod? Read leniently: what is missing counts as not said.

Only what is of use is read: a pod has 5 KB of JSON, and a list of thousands is read again and
again. Most of it names who manages which field.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from pools.core.ports import ContainerSeen, PodSeen

# PostgreSQL's text holds no NUL, and a container says what it wants when it ends.
_NUL: Final = "\x00"


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an object; unknown fields are skipped, and null is nothing said."""


class _Meta(_Part, frozen=True):
    name: str | None = None
    uid: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class _Spec(_Part, frozen=True):
    node_name: str | None = None


class _Condition(_Part, frozen=True):
    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None


class _Waiting(_Part, frozen=True):
    reason: str | None = None
    message: str | None = None


class _Terminated(_Waiting, frozen=True):
    exit_code: int | None = None


class _Running(_Part, frozen=True):
    """That there is one says enough."""


class _State(_Part, frozen=True):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None
    running: _Running | None = None


class _Container(_Part, frozen=True):
    state: _State | None = None
    last_state: _State | None = None
    restart_count: int | None = None


class _Status(_Part, frozen=True):
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[_Condition] | None = None
    container_statuses: list[_Container] | None = None


class Pod(_Part, frozen=True):
    """A pod in JSON."""

    metadata: _Meta | None = None
    spec: _Spec | None = None
    status: _Status | None = None


class _ListMeta(msgspec.Struct, frozen=True, rename={"more": "continue"}):
    more: str | None = None


class PodList(_Part, frozen=True):
    """A page of a list of pods in JSON."""

    kind: str | None = None
    metadata: _ListMeta | None = None
    items: list[Pod] | None = None

    @property
    def more(self) -> str:
        """Return what the next page is asked for with; empty on the last one."""
        return (self.metadata and self.metadata.more) or ""


class Refusal(_Part, frozen=True):
    """A ``Status`` in JSON, which ends a watch."""

    code: int = 500


class Event(msgspec.Struct, frozen=True, rename={"about": "object"}):
    """An event of a watch in JSON; what it is about is read by its type."""

    type: str = ""
    about: msgspec.Raw = msgspec.Raw(b"{}")


def pod_seen(found: Pod) -> PodSeen:
    """Return a pod as a value; of its containers the first, which is the agent's."""
    meta, status = found.metadata or _Meta(), found.status or _Status()
    conditions = {one.type: one for one in status.conditions or ()}
    scheduled = conditions.get("PodScheduled", _Condition())
    waits = scheduled.status == "False" and scheduled.reason == "Unschedulable"
    return PodSeen(
        name=meta.name or "",
        uid=meta.uid or "",
        phase=status.phase or "Unknown",
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        node=(found.spec and found.spec.node_name) or "",
        ready=conditions.get("Ready", _Condition()).status == "True",
        deleting=meta.deletion_timestamp is not None,
        reason=status.reason or "",
        message=_text(status.message),
        unschedulable=_text(scheduled.message) or "Unschedulable" if waits else "",
        container=_container(status.container_statuses or ()),
        created_at=_moment(meta.creation_timestamp),
    )


def is_ready(node: Mapping[str, Any]) -> bool:
    """Is this node ready?"""
    conditions = node.get("status", {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _container(statuses: Sequence[_Container]) -> ContainerSeen:
    if not statuses:
        return ContainerSeen()
    first = statuses[0]
    state, last = first.state or _State(), first.last_state or _State()
    waiting, ended = state.waiting or _Waiting(), state.terminated or _Terminated()
    before = last.terminated or _Terminated()
    codes = [one.exit_code for one in (ended, before) if one.exit_code is not None]
    return ContainerSeen(
        waiting=waiting.reason or "",
        message=_text(waiting.message or ended.message or before.message),
        terminated=ended.reason or "",
        exit_code=codes[0] if codes else None,
        last_terminated=before.reason or "",
        restarts=first.restart_count or 0,
        running=state.running is not None,
    )


def _text(said: str | None) -> str:
    return (said or "").replace(_NUL, "\N{REPLACEMENT CHARACTER}")


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
