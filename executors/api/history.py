"""The history of one thing over REST, and putting back what one of its changes took away."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from executors import history, shapes
from executors.history import Entry, Place, Span
from executors.models import Attempt, Task
from executors.services import reverting
from executors.services.reverting import Revert
from k8s4r import clock
from k8s4r.access.models import Project, Token, User
from k8s4r.access.principals import Principal
from k8s4r.api import paging, queries
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.audit.models import AuditEvent
from k8s4r.core import conversion
from k8s4r.core.errors import FieldProblem, NotFound
from k8s4r.core.roles import Permission
from pools.models import Pool

KEYS: Final = ("-at", "source", "-key")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of thing that has a history.

    Who may read such things of a project reads their history, and so does who reads the audit.
    """

    model: Any
    project: str
    reads: Permission
    writes: Permission | None = None


_KINDS: Final[dict[str, _Kind]] = {
    "task": _Kind(Task, "project_id", Permission.TASKS_READ),
    "agent": _Kind(Agent, "project_id", Permission.FLEET_READ, Permission.FLEET_WRITE),
    "pool": _Kind(Pool, "project_id", Permission.FLEET_READ, Permission.FLEET_WRITE),
    "project": _Kind(Project, "pk", Permission.PROJECT_READ, Permission.PROJECT_WRITE),
    "token": _Kind(Token, "project_id", Permission.TOKENS_READ),
    "user": _Kind(User, "", Permission.MEMBERS_READ),
}


class Undo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST history/{kind}/{id}/revert``; ``force`` puts back what was changed again since."""

    event: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    force: bool = False


class HistoryView(View):
    """``GET history/{kind}/{id}``: one line of time, the newest first."""

    @operation(needs=None)
    def get(self, request: Request, kind: str, object_id: UUID) -> Response:
        """List what happened to a task, agent, pool, project, token or user."""
        paging.check_parameters(request, ("since",))
        problems: list[FieldProblem] = []
        since = queries.moment(request.query_params.get("since"), "since", problems)
        if problems:
            raise paging.refused(problems)
        check_visible(kind, object_id, principal_of(request))
        page = paging.page_from(request, KEYS)
        span = Span(limit=page.limit + 1, since=since, behind=_behind(page.after))
        return paging.answer(request, page, _entries(kind, object_id, span), shape)


class RevertView(View):
    """``POST history/{kind}/{id}/revert``: for settings of pools, agents and projects."""

    @operation(needs=None)
    def post(self, request: Request, kind: str, object_id: UUID) -> Response:
        """Put back the values that one change replaced; this is a change like any other."""
        body = conversion.convert(request.data, Undo)
        principal = principal_of(request)
        project_id = check_visible(kind, object_id, principal)
        writes = _KINDS[kind].writes
        if writes is not None and project_id is not None:
            principal.require(writes, project_id)
        wanted = Revert(kind=kind, object_id=object_id, event_id=body.event, force=body.force)
        done = reverting.revert(wanted, principal=principal, now=clock.now())
        return Response({"kind": kind, "id": object_id, "event": body.event, "reverted": done})


def check_visible(kind: str, object_id: UUID, principal: Principal) -> UUID | None:
    """See that a thing exists, or did, for the caller; return its project.

    Raises:
        NotFound: it does not, or there is no history of such things.
    """
    if kind not in _KINDS:
        raise NotFound(f"no history of a {kind}; there is one of {', '.join(_KINDS)}")
    known, project_id, owner_id = _belonging(kind, object_id)
    reads = _KINDS[kind].reads
    is_own = owner_id == principal.id and (not principal.scopes or reads in principal.scopes)
    reachable = (_reaches(principal, one, project_id) for one in (reads, Permission.AUDIT_READ))
    if not known or not (is_own or any(reachable)):
        raise NotFound(f"no {kind} {object_id}")
    return project_id


def shape(entry: Entry) -> dict[str, Any]:
    """Return an entry; ``event`` is the event in full, for what is one."""
    return {
        "at": entry.at,
        "sentence": entry.sentence,
        "actor": entry.actor or None,
        "event_id": entry.event.pk if entry.event else None,
        "event": shapes.event(entry.event) if entry.event else None,
        "revertible": entry.event is not None and bool(reverting.settings(entry.event)),
        **{"task_id": None, "attempt_id": None, "session_id": None, **entry.facts},
    }


def _entries(kind: str, object_id: UUID, span: Span) -> list[Entry]:
    if kind == "agent":
        return history.of_agent(object_id, span)
    parts: list[UUID] = []
    if kind == "task":
        parts += Attempt.objects.filter(task_id=object_id).values_list("pk", flat=True)
    return history.of_object([object_id, *parts], span)


def _reaches(principal: Principal, needs: Permission, project_id: UUID | None) -> bool:
    seen = principal.projects(needs)
    return seen is None or project_id in seen


def _belonging(kind: str, object_id: UUID) -> tuple[bool, UUID | None, UUID | None]:
    """Return whether a thing is or was there, its project, and whose own it is."""
    described = _KINDS[kind]
    row = described.model.objects.filter(pk=object_id).first()
    if row is not None:
        owner = {"user": "pk", "token": "user_id"}.get(kind)
        project_id = getattr(row, described.project) if described.project else None
        return True, project_id, getattr(row, owner) if owner else None
    past = AuditEvent.objects.filter(object_id=object_id, object_type=kind).first()
    return past is not None, past.project_id if past else None, None


def _behind(after: tuple[Any, ...] | None) -> Place | None:
    """Return the place that a cursor names.

    Raises:
        Invalid: it is not a cursor of this list.
    """
    if after is None:
        return None
    at, source, key = after
    problems: list[FieldProblem] = []
    moment = queries.moment(str(at), "cursor", problems)
    if moment is None or not isinstance(source, int) or not _is_key(str(key), source):
        raise paging.refused([FieldProblem("?cursor", "cursor", "not a cursor of this list")])
    return Place(moment, source, str(key))


def _is_key(text: str, source: int) -> bool:
    """Is this the id of an event, or of what the other sources list?"""
    if source == history.EVENT:
        return text.isascii() and text.isdigit() and len(text) < 19
    try:
        return bool(UUID(text))
    except ValueError:
        return False
