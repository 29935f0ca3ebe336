"""How does a link reach a server over HTTP?

One connection pool, kept alive. Every failure becomes an `Unanswered` that says what it means.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import httpx2
import msgspec

from agents.client.link.vocabulary import Call, Trouble
from agents.client.version import version
from agents.wire.answers import Problem

CONNECT_S: Final = 5.0
ANSWER_S: Final = 15.0
CLAIM_SPARE_S: Final = 15.0
CONNECTIONS: Final = 6
# For each piece of a file, and for the word that all of it was stored.
UPLOAD_PIECE_S: Final = 30.0
# Not this file, not for this attempt.
_NEVER_TAKEN: Final = frozenset({400, 404, 409, 410, 413, 422})
SUPERSEDED_CODE: Final = "session_superseded"


class Unanswered(Exception):
    """A call came to nothing; ``trouble`` says what that means for the link."""

    def __init__(self, trouble: Trouble, detail: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Request:
    """One call: where to, with which token, and how long its answer may take."""

    call: Call
    path: str
    token: str
    body: bytes
    answer_within_s: float = ANSWER_S


class HttpTransport:
    """Requests to one server. It keeps no state but its connections."""

    def __init__(self, url: str, *, ca_file: str | None) -> None:
        verify: ssl.SSLContext | bool = True
        if ca_file is not None:
            verify = ssl.create_default_context(cafile=ca_file)
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/"),
            verify=verify,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=CONNECTIONS, keepalive_expiry=60.0),
            headers={
                "content-type": "application/json",
                "user-agent": f"k8s4r-agent/{version()}",
            },
        )

    async def ask(self, request: Request) -> bytes:
        """Return the body of a good answer.

        Raises:
            Unanswered: there was none.
        """
        timeout = httpx2.Timeout(request.answer_within_s, connect=CONNECT_S)
        try:
            response = await self._client.post(
                request.path,
                content=request.body,
                headers={"authorization": f"Bearer {request.token}"},
                timeout=timeout,
            )
        except httpx2.RequestError as error:
            detail = f"{type(error).__name__}: {error}"
            raise Unanswered(Trouble.AWAY, detail) from error
        if response.is_success:
            return response.content
        raise _unanswered(request.call, response)

    async def put(self, path: str, content: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        """Hand in a file, piece by piece.

        Raises:
            Unanswered: it was not taken; ``rejected`` means that it never will be.
        """
        try:
            response = await self._client.put(
                path, content=content, headers=headers, timeout=httpx2.Timeout(UPLOAD_PIECE_S)
            )
        except httpx2.RequestError as error:
            raise Unanswered(Trouble.AWAY, f"{type(error).__name__}: {error}") from error
        if not response.is_success:
            never = response.status_code in _NEVER_TAKEN
            problem = _problem(response)
            raise Unanswered(
                Trouble.REJECTED if never else Trouble.AWAY,
                f"{response.status_code} {problem.code}: {problem.detail or problem.title}",
                retry_after_s=_retry_after(response),
            )

    async def close(self) -> None:
        await self._client.aclose()


def _unanswered(call: Call, response: httpx2.Response) -> Unanswered:
    problem = _problem(response)
    detail = f"{response.status_code} {problem.code}: {problem.detail or problem.title}"
    return Unanswered(
        _trouble(call, response.status_code, problem.code),
        detail,
        retry_after_s=_retry_after(response),
    )


def _trouble(call: Call, status: int, code: str) -> Trouble:
    if status in {401, 403} or (status == 404 and call is Call.SESSION and code):
        # Not known, revoked, or archived: nothing that this agent could say would change it.
        return Trouble.REFUSED
    if status == 409 and code == SUPERSEDED_CODE:
        return Trouble.SUPERSEDED
    if status in {404, 409, 410} and call in {Call.HEARTBEAT, Call.CLAIM, Call.REPORT}:
        return Trouble.NO_SESSION
    if status in {400, 413, 422} or (status == 409 and call is Call.REGISTER):
        return Trouble.REJECTED
    return Trouble.AWAY


def _problem(response: httpx2.Response) -> Problem:
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.json.decode(response.content, type=Problem)
    return Problem(title=response.reason_phrase, status=response.status_code, code="")


def _retry_after(response: httpx2.Response) -> float:
    with contextlib.suppress(ValueError):
        return max(0.0, float(response.headers.get("retry-after", "0")))
    return 0.0
