"""Who reads what a task made, may they, and is it on record?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from executors.gateway.exchange import Exchange
from executors.models import Task
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.api import authentication, browsing
from k8s4r.audit.readings import Reading, Readings
from k8s4r.core.errors import DomainError, NotFound, SecondFactorNeeded, Unauthenticated
from k8s4r.core.roles import Permission

_UNKNOWN: Final = "this token or session is not valid"
_READINGS: Final = Readings()


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, known by a token or by the ``session`` of a browser, and from where."""

    token: str
    session: str = ""
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something of a task; ``what`` is how it is called, without a task there is none."""

    reader: Reader
    task: Task | None
    what: str


def of(exchange: Exchange) -> Reader:
    """Return who asks: whoever is known by a token, else by the browser's session.

    Raises:
        Unauthenticated: there is neither.
    """
    session = exchange.cookie(browsing.cookie_name())
    is_browser = bool(session) and not exchange.header(b"authorization")
    return Reader(
        "" if is_browser else exchange.bearer(),
        session if is_browser else "",
        exchange.address,
        exchange.request_id,
    )


def admitted(wanted: Sequence[Wanted], *, kind: str) -> list[Task | DomainError]:
    """Return the task of each, or why it is not read; who may not see it is told there is none.

    That somebody reads what another's task made is on record, as ``kind``, before they do.
    """
    principals = _principals([one.reader for one in wanted])
    found = [_checked(one, who) for one, who in zip(wanted, principals, strict=True)]
    _put_on_record([one for one in found if isinstance(one, _Admitted)], kind)
    return [one.task if isinstance(one, _Admitted) else one for one in found]


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A reader who may read."""

    reader: Reader
    principal: Principal
    task: Task


def _checked(one: Wanted, principal: Principal | DomainError | None) -> _Admitted | DomainError:
    if isinstance(principal, DomainError):
        return principal
    if principal is None:
        return Unauthenticated(_UNKNOWN)
    task = one.task
    if task is None or not principal.may(Permission.TASKS_READ, task.project_id):
        return NotFound(f"no {one.what}")
    return _Admitted(one.reader, principal, task)


def _put_on_record(admitted: Sequence[_Admitted], kind: str) -> None:
    """What one's own program makes is no secret from oneself: that is not told."""
    fresh = _READINGS.fresh(
        _reading(one, kind) for one in admitted if one.task.owner_id != one.principal.id
    )
    if fresh:
        _READINGS.record(fresh, now=clock.now())


def _reading(one: _Admitted, kind: str) -> Reading:
    return Reading(
        kind=kind,
        object_id=one.task.pk,
        project_id=one.task.project_id,
        user_id=one.principal.id,
        # A session's principal carries its user where others have their token.
        token_id=None if one.reader.session else one.principal.token_id,
        address=one.reader.address,
        request_id=one.reader.request_id,
    )


def _principals(readers: Sequence[Reader]) -> list[Principal | DomainError | None]:
    with_token = {one.token for one in readers if not one.session}
    known = dict(
        zip(
            with_token,
            authentication.authenticate_many(list(with_token), now=clock.now()),
            strict=True,
        )
    )
    return [_by_session(one.session) if one.session else known[one.token] for one in readers]


def _by_session(key: str) -> Principal | DomainError | None:
    try:
        return browsing.principal(key)
    except SecondFactorNeeded as refused:
        return refused
