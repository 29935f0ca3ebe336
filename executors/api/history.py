"""The history of one thing over REST, and putting back what one of its changes took away."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from executors import history, shapes
from executors.api import audit_answers
from executors.history import Entry, Place, Span
from executors.models import Attempt, Task
from executors.services import reverting
from executors.services.reverting import Revert
from k8s4r import clock
from k8s4r.access.models import Project, Token, User
from k8s4r.access.principals import Principal
from k8s4r.api import paging, queries
from k8s4r.api.answers import Moment, Page
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.audit.models import AuditEvent
from k8s4r.core import conversion
from k8s4r.core.errors import Conflict, FieldProblem, NotFound
from k8s4r.core.roles import Permission
from pools.models import Pod, Pool

KEYS: Final = ("-at", "source", "-key")
# Of what kinds of thing there is a history, and which of its columns names the project.
_PROJECT_OF: Final[dict[str, tuple[Any, str]]] = {
    "task": (Task, "project_id"),
    "agent": (Agent, "project_id"),
    "pool": (Pool, "project_id"),
    "pod": (Pod, "pool__project_id"),
    "project": (Project, "pk"),
    "token": (Token, "project_id"),
    "user": (User, ""),
}


# An agent's line of time names the tasks that it ran.
READS: Final = {
    "task": Permission.TASKS_READ,
    "agent": Permission.TASKS_READ,
    "pool": Permission.FLEET_READ,
    "pod": Permission.FLEET_READ,
    "project": Permission.PROJECT_READ,
    "token": Permission.TOKENS_READ,
}
CHANGES: Final = {
    "agent": Permission.FLEET_WRITE,
    "pool": Permission.FLEET_WRITE,
    "project": Permission.PROJECT_WRITE,
}


class Undo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST history/{kind}/{id}/revert``; ``force`` puts back what was changed again since."""

    event: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    force: bool = False


class HistoryQuery(paging.PageQuery):
    """How far back, when not to the beginning."""

    since: Moment | None = None


class HistoryView(View):
    """``GET history/{kind}/{id}``: one line of time, the newest first."""

    @operation(
        needs=None,
        query=HistoryQuery,
        answers={200: Page[audit_answers.Entry]},
    )
    def get(self, request: Request, kind: str, object_id: UUID) -> Response:
        """List what happened to a task, agent, pool, pod, project, token or user."""
        paging.check_parameters(request, ("since",))
        problems: list[FieldProblem] = []
        since = queries.moment(request.query_params.get("since"), "since", problems)
        if problems:
            raise paging.refused(problems)
        check_visible(kind, object_id, principal_of(request))
        page = paging.page_from(request, KEYS)
        span = Span(
            limit=page.limit + 1,
            since=since,
            behind=_behind(page.after),
            projects=named_projects(principal_of(request)),
        )
        return paging.answer(request, page, _entries(kind, object_id, span), shape)


class RevertView(View):
    """``POST history/{kind}/{id}/revert``: for settings of pools, agents and projects."""

    @operation(
        needs=None,
        body=Undo,
        answers={200: audit_answers.Reverted},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, kind: str, object_id: UUID) -> Response:
        """Put back the values that one change replaced; this is a change like any other."""
        body = conversion.convert(request.data, Undo)
        principal = principal_of(request)
        project_id = check_visible(kind, object_id, principal)
        if kind in CHANGES and project_id is not None:
            principal.require(CHANGES[kind], project_id)
        wanted = Revert(kind=kind, object_id=object_id, event_id=body.event, force=body.force)
        done = reverting.revert(wanted, principal=principal, now=clock.now())
        return Response({"kind": kind, "id": object_id, "event": body.event, "reverted": done})


def check_visible(kind: str, object_id: UUID, principal: Principal) -> UUID | None:
    """See that a thing exists, or did, for the caller; return its project when it has one.

    Whoever reads the thing reads its history, and so does whoever reads the audit there.

    Raises:
        NotFound: it does not, or there is no history of such things.
    """
    if kind not in _PROJECT_OF:
        raise NotFound(f"no history of a {kind}; there is one of {', '.join(_PROJECT_OF)}")
    project_id, is_own = _belonging(kind, object_id, principal)
    if is_own or _reads(kind, project_id, principal):
        return project_id
    if Permission.AUDIT_READ in principal.rights.everywhere and _was_there(kind, object_id):
        return project_id
    raise NotFound(f"no {kind} {object_id}")


def named_projects(principal: Principal) -> frozenset[UUID] | None:
    """Return in which projects a history may name tasks to the caller; ``None``: in every one."""
    reads = principal.projects(Permission.TASKS_READ)
    audits = principal.projects(Permission.AUDIT_READ)
    return None if reads is None or audits is None else reads | audits


def _reads(kind: str, project_id: UUID | None, principal: Principal) -> bool:
    if project_id is None:
        return False
    reads = (READS[kind], Permission.AUDIT_READ) if kind in READS else (Permission.AUDIT_READ,)
    return any(principal.may(permission, project_id) for permission in reads)


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
    if kind == "pod":
        return history.of_pod(object_id, span)
    parts: list[UUID] = []
    if kind == "task":
        parts += Attempt.objects.filter(task_id=object_id).values_list("pk", flat=True)
    return history.of_object([object_id, *parts], span)


def _was_there(kind: str, object_id: UUID) -> bool:
    """Is there such a row, or was there one once?"""
    model, _ = _PROJECT_OF[kind]
    found = model.objects.filter(pk=object_id).exists()
    return found or AuditEvent.objects.filter(object_id=object_id, object_type=kind).exists()


def _belonging(kind: str, object_id: UUID, principal: Principal) -> tuple[UUID | None, bool]:
    """Return the project of a thing, and whether it is the caller's own: they, or their token."""
    model, column = _PROJECT_OF[kind]
    if kind == "user":
        return None, object_id == principal.id
    owner = "user_id" if kind == "token" else column
    for project_id, owner_id in model.objects.filter(pk=object_id).values_list(column, owner):
        return project_id, kind == "token" and owner_id == principal.id
    past = AuditEvent.objects.filter(object_id=object_id, object_type=kind).first()
    return (past.project_id if past else None), False


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
    """Is this the number of an event or an action, or the id of what the other sources list?"""
    if source in history.NUMBERED:
        return text.isascii() and text.isdigit() and len(text) < 19
    try:
        return bool(UUID(text))
    except ValueError:
        return False
