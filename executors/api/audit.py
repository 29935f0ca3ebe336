"""The whole history over REST: list it, take it away as JSON lines, prove that it is whole."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from executors import history, shapes
from executors.api import audit_answers
from k8s4r import clock
from k8s4r.access import selectors as access
from k8s4r.access.models import User
from k8s4r.access.principals import Principal
from k8s4r.api import paging, places, queries
from k8s4r.api.answers import Moment, Page
from k8s4r.api.operations import JSON, Media, operation
from k8s4r.api.rendering import JSONLinesRenderer, JSONRenderer, dumps
from k8s4r.api.requests import principal_of
from k8s4r.api.views import FIELDS, View
from k8s4r.audit import selectors, verifying
from k8s4r.audit.models import AuditEvent, AuditSeal
from k8s4r.audit.names import Names
from k8s4r.audit.selectors import EventFilter
from k8s4r.audit.verifying import Broken, Verified
from k8s4r.core import conversion, ids
from k8s4r.core.errors import FieldProblem, Forbidden, NotFound
from k8s4r.core.roles import Permission

# In the order of the writing; moments are those of the changes.
_SORTS: Final = {"id": ("id",)}
FILTERS: Final = (
    "object_type", "object_id", "actor_kind", "actor", "token_id", "address", "cause", "project",
    "request_id", "after", "before",
)  # fmt: skip
LINES: Final = JSONLinesRenderer.format
Short: TypeAlias = Annotated[str, Meta(max_length=queries.LONGEST)]
# So many lines are written at once.
_PIECE: Final = 200


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST audit/verify``: check the seals behind ``after``; 0 is the beginning.

    ``head`` is the number and hash of a seal, noted earlier, that must still be in the chain.
    """

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    head: Annotated[str, Meta(pattern=r"^([0-9]{1,18}:[0-9a-f]{64})?$")] = ""


class AuditQuery(paging.PageQuery):
    """Filters of the history; ``actor`` is a name or an id, ``format=jsonl`` gives all of it."""

    object_type: Short | None = None
    object_id: UUID | None = None
    actor_kind: Short | None = None
    actor: Short | None = None
    token_id: UUID | None = None
    address: Short | None = None
    cause: Short | None = None
    project: str | None = None
    request_id: Short | None = None
    after: Moment | None = None
    before: Moment | None = None
    format: Literal["json", "jsonl"] | None = None
    sort: Literal["id", "-id"] | None = None


class AuditView(View):
    """``GET audit``: what happened to anything in the caller's projects, the newest first.

    As ``application/x-ndjson``, or with ``format=jsonl``, all of it: one event a line, the oldest
    first, up to the newest when the answer began.
    """

    renderer_classes = (JSONRenderer, JSONLinesRenderer)

    @operation(
        needs=Permission.AUDIT_READ,
        query=AuditQuery,
        answers={
            200: Media({JSON: Page[audit_answers.ToldEvent], JSONLinesRenderer.media_type: bytes})
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """List events, or stream them."""
        paging.check_parameters(request, (*FILTERS, paging.SORT, "format"))
        principal = principal_of(request)
        rows = selectors.events(_wanted(request, principal), project_ids=_projects(request))
        if LINES in (request.query_params.get("format"), _format_of(request)):
            _check_whole(request)
            return _export(rows)
        page = paging.page_from(request, selectors.NEWEST_FIRST, _SORTS)
        found = list(paging.rows_of(page, rows))
        names = Names(found)
        return paging.answer(request, page, found, lambda row: _told(row, names))


class SealsView(View):
    """``GET audit/seals``: the chain, the newest seal first."""

    @operation(
        needs=Permission.AUDIT_READ,
        query=paging.PageQuery,
        answers={200: Page[audit_answers.Seal]},
    )
    def get(self, request: Request) -> Response:
        """List seals; only for who may see every project, whose events they are made of."""
        paging.check_parameters(request)
        _check_sees_all(principal_of(request))
        page = paging.page_from(request, ("-number",))
        rows = list(paging.rows_of(page, AuditSeal.objects.all()))
        return paging.answer(request, page, rows, _seal)


class VerifyView(View):
    """``POST audit/verify``: read the events again and compare them with their seals."""

    @operation(
        needs=Permission.AUDIT_READ,
        body=Check,
        answers={200: audit_answers.Verified},
        refuses=(NotFound,),
    )
    def post(self, request: Request) -> Response:
        """Check as many seals as one call may; ``next`` says where to go on."""
        asked = conversion.convert(request.data, Check)
        _check_sees_all(principal_of(request))
        if asked.after and not AuditSeal.objects.filter(number=asked.after).exists():
            raise NotFound(f"no seal {asked.after}")
        number, _, digest = asked.head.partition(":")
        if number and not verifying.is_in_chain(int(number), bytes.fromhex(digest)):
            return Response(_taken_away(int(number)))
        return Response(_verified(verifying.verify(after=asked.after)))


def _wanted(request: Request, principal: Principal) -> EventFilter:
    asked = request.query_params
    problems: list[FieldProblem] = []
    kind, actor_ids = _actors(queries.short(asked, "actor", problems), principal)
    wanted = EventFilter(
        object_type=queries.short(asked, "object_type", problems),
        object_id=queries.identity(asked.get("object_id"), "object_id", problems),
        actor_kind=queries.short(asked, "actor_kind", problems) or kind,
        actor_ids=actor_ids,
        token_id=queries.identity(asked.get("token_id"), "token_id", problems),
        address=queries.short(asked, "address", problems),
        cause=queries.short(asked, "cause", problems),
        request_id=queries.short(asked, "request_id", problems),
        after=queries.moment(asked.get("after"), "after", problems),
        before=queries.moment(asked.get("before"), "before", problems),
    )
    if asked.get("format", LINES) not in {LINES, JSONRenderer.format}:
        problems.append(FieldProblem("?format", "enum", "json or jsonl"))
    if problems:
        raise paging.refused(problems)
    return wanted


def _projects(request: Request) -> frozenset[UUID] | None:
    """Return whose events are shown; None for all, those without a project included.

    Raises:
        Invalid: the caller may not read the history of the project that is named.
    """
    principal = principal_of(request)
    readable = principal.projects(Permission.AUDIT_READ)
    name = paging.word(request, "project")
    if name is None:
        return readable
    project_id = places.project_named(name, principal, at="?project").pk
    if readable is not None and project_id not in readable:
        detail = f"this needs {Permission.AUDIT_READ} in project {name}"
        raise paging.refused([FieldProblem("?project", "allowed", detail)])
    return frozenset({project_id})


def _actors(text: str, principal: Principal) -> tuple[str, list[str] | None]:
    """Return the ids of who is called so, and their kind when that is known to be one.

    A name is that of a user, or of an agent of the caller's projects. Saying the kind finds the
    events of people by their index.
    """
    if not text or "\x00" in text:
        return "", None
    identity = ids.as_uuid(text)
    named = Q(pk=identity) if identity else Q()
    agents = Agent.objects.filter(named | Q(name=text))
    agents = access.within(agents, principal, Permission.AUDIT_READ)
    found_agents = [str(pk) for pk in agents.values_list("pk", flat=True)]
    users = User.objects.filter(named | Q(username=text)).values_list("pk", flat=True)
    found_users = [str(pk) for pk in users]
    kind = "user" if found_users and not found_agents else ""
    return kind, [str(identity or text), *found_users, *found_agents]


def _format_of(request: Request) -> str:
    renderer = request.accepted_renderer
    return str(renderer.format)


def _check_whole(request: Request) -> None:
    asked = [name for name in (FIELDS, paging.SORT) if name in request.query_params]
    if asked:
        detail = "JSON lines are whole events, the oldest first"
        raise paging.refused([FieldProblem(f"?{name}", "allowed", detail) for name in asked])


def _export(rows: QuerySet[AuditEvent]) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_lines(rows), content_type=JSONLinesRenderer.media_type)
    stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{stamp}.jsonl"'
    return answer


def _lines(rows: QuerySet[AuditEvent]) -> Iterator[bytes]:
    """Yield the events as lines, some hundred at a time."""
    lines: list[bytes] = []
    for row in selectors.in_order(rows):
        lines.append(dumps(_whole(row)))
        if len(lines) >= _PIECE:
            yield b"\n".join([*lines, b""])
            lines.clear()
    if lines:
        yield b"\n".join([*lines, b""])


def _told(row: AuditEvent, names: Names) -> Mapping[str, Any]:
    """Return an event with the names of what it is about and who acted, and its sentence."""
    ((actor, sentence),) = history.told([row], names)
    called = names.of_object(row) or None
    return {**_whole(row), "object": called, "actor": actor, "sentence": sentence}


def _whole(row: AuditEvent) -> dict[str, Any]:
    """Return an event with what only those see who may read the audit: token and address."""
    return {
        **shapes.event(row),
        "project_id": row.project_id,
        "token_id": row.token_id,
        "address": row.address,
    }


def _check_sees_all(principal: Principal) -> None:
    if principal.projects(Permission.AUDIT_READ) is not None:
        raise Forbidden("seals are over the events of every project, and you may not see them all")


def _seal(row: AuditSeal) -> dict[str, Any]:
    return {
        "number": row.number,
        "first_id": row.first_id,
        "last_id": row.last_id,
        "month": f"{row.month:%Y-%m}",
        "events": row.events,
        "hash": bytes(row.hash).hex(),
        "previous": bytes(row.previous).hex(),
        "sealed_at": row.sealed_at,
    }


def _verified(found: Verified) -> dict[str, Any]:
    return {
        "ok": found.broken is None,
        "seals": found.seals,
        "events": found.events,
        "dropped": found.dropped,
        "head": _seal(found.last) if found.last else None,
        "broken": _broken(found.broken) if found.broken else None,
        "next": found.last.number if found.more and found.last else None,
    }


def _taken_away(number: int) -> dict[str, Any]:
    why = "the noted head is not in the chain: seals were taken away or made anew"
    broken = {"number": number, "why": why, "first_id": None, "last_id": None, "month": None}
    nothing = Verified(None, seals=0, events=0, dropped=0, more=False)
    return {**_verified(nothing), "ok": False, "broken": broken}


def _broken(found: Broken) -> dict[str, Any]:
    return {**_seal(found.seal), "why": found.why}
