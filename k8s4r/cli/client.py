"""How is the server asked, and how do its refusals and silences become errors of ours?"""

import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2

from k8s4r.cli import __version__
from k8s4r.cli.errors import CliError, Refused, Unreachable, Usage
from k8s4r.cli.settings import Settings

PAGE: Final = 200
_TIMEOUT: Final = httpx2.Timeout(30.0, connect=5.0)
# A stream says something every 15 s; three silences mean that nobody is there.
_STREAM_TIMEOUT: Final = httpx2.Timeout(45.0, connect=5.0)
_PAUSES_S: Final = (0.2, 0.5, 1.0)
# So often a request that was cut off, and runs on without us, is asked whether it has ended.
_MOST_WAITS: Final = 30
_METHODS_SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD"})

Waiter = Callable[[float], object]
Query = Mapping[str, str | int | Sequence[str]]


class Client:
    """The server, as JSON. Answers below 400 are returned, everything else is raised."""

    def __init__(
        self,
        settings: Settings,
        *,
        wait: Waiter | None = None,
        patience_s: float | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """Open no connection yet; ``wait`` pauses between tries, in seconds.

        ``trace`` is told of every answer.

        With ``patience_s`` there is one try, and no answer may take longer.
        """
        self.url = settings.require_url()
        self.project = settings.project.value if settings.project else None
        self.server_time: datetime | None = None
        self._wait = wait or threading.Event().wait
        self._trace = trace
        self._pauses_s = _PAUSES_S if patience_s is None else ()
        headers = {"User-Agent": f"k8s4r/{__version__}", "Accept": "application/json"}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token.value}"
        try:
            self._http = httpx2.Client(
                base_url=self.url,
                headers=headers,
                timeout=_TIMEOUT if patience_s is None else httpx2.Timeout(patience_s),
                verify=_trust(settings),
                transport=None,
            )
        except (httpx2.InvalidURL, UnicodeEncodeError) as error:
            raise Usage(f"{self.url!r} is not an address: {error}") from error

    def now(self) -> datetime:
        """Return the server's time, as of its last answer."""
        if self.server_time is None:
            self.call("GET", "/healthz")
        assert self.server_time is not None, "every answer has a date"
        return self.server_time

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return the JSON at ``path``."""
        return self.call("GET", path, query=query).json()

    def post(self, path: str, body: Any = None) -> Any:
        """Send ``body`` and return the answer's JSON, ``None`` when it has none.

        One idempotency key covers all tries, so that a lost answer makes nothing twice.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.call("POST", path, body={} if body is None else body, headers=headers)
        return answer.json() if answer.content else None

    def items(self, path: str, query: Query, *, limit: int) -> tuple[list[Any], str | None]:
        """Return the first ``limit`` items of a list, and the cursor of what follows them."""
        found: list[Any] = []
        asked: dict[str, str | int | Sequence[str]] = dict(query)
        while True:
            asked["limit"] = min(limit - len(found), PAGE)
            page = self.get(path, asked)
            found += page["items"]
            cursor = page.get("next")
            if cursor is None or len(found) >= limit:
                return found, cursor
            asked["cursor"] = cursor

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send one request; tries again, briefly, when nothing can have happened twice.

        Raises:
            Refused: the server said no.
            Unreachable: there is no answer.
        """
        request = self._http.build_request(
            method,
            path,
            # An empty query would take away the one that stands in the path.
            params=dict(query) if query else None,
            json=body,
            headers=dict(headers or {}),
        )
        answer = self._send(request)
        for _ in range(_MOST_WAITS):
            if not _still_runs(answer):
                break
            self._wait(float(answer.headers["retry-after"]))
            answer = self._send(request)
        if answer.is_error:
            raise refusal(answer)
        return answer

    @contextmanager
    def stream(
        self, path: str, query: Query, headers: Mapping[str, str]
    ) -> Iterator[httpx2.Response]:
        """Open an answer that goes on; the block reads it.

        Raises:
            Refused: the server said no.
            Unreachable: there is no answer, or it broke off.
        """
        try:
            with self._http.stream(
                "GET", path, params=dict(query), headers=dict(headers), timeout=_STREAM_TIMEOUT
            ) as answer:
                self._note(answer)
                if answer.is_error:
                    answer.read()
                    raise refusal(answer)
                yield answer
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        repeatable = (
            request.method in _METHODS_SAFE_TO_REPEAT or "Idempotency-Key" in request.headers
        )
        for pause_s in (*self._pauses_s, None):
            try:
                answer = self._http.send(request)
            except httpx2.TransportError as error:
                # Refused at once means that nothing runs there: no need to wait for it.
                if pause_s is None or not repeatable or isinstance(error, httpx2.ConnectError):
                    raise self._unreachable(error) from error
                self._wait(pause_s)
            else:
                self._note(answer)
                return answer
        raise AssertionError("the last try returns or raises")

    def _note(self, answer: httpx2.Response) -> None:
        """Remember the server's clock: ages are told by it, not by ours."""
        date = answer.headers.get("date")
        if date:
            self.server_time = parsedate_to_datetime(date)
        if self._trace:
            request, given = answer.request, answer.headers.get("x-request-id", "-")
            self._trace(f"{request.method} {request.url} {answer.status_code} {given}")

    def _unreachable(self, error: httpx2.TransportError) -> CliError:
        what = str(error) or type(error).__name__
        return Unreachable(
            f"no answer from {self.url}: {what}",
            hint="k8s4r doctor checks each connection; k8s4r up starts a platform here",
        )


def refusal(answer: httpx2.Response) -> Refused:
    """Return an answer of 400 and above as an error; a foreign body is quoted, cut."""
    request_id = answer.headers.get("x-request-id", "")
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        said = " ".join(answer.text.split())[:200]
        problem = {"title": f"the server answered {answer.status_code}", "detail": said}
    return Refused(answer.status_code, problem, request_id=request_id)


def _still_runs(answer: httpx2.Response) -> bool:
    """Is this a repetition whose first request has not ended?"""
    return answer.status_code == 409 and refusal(answer).code == "still_running"


def _trust(settings: Settings) -> ssl.SSLContext | bool:
    if settings.require_url().startswith("http://"):
        # Nothing is encrypted there; reading the machine's certificates would take 0.1 s.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca_file.value)
    except (OSError, ssl.SSLError) as error:
        raise Usage(f"{settings.ca_file.origin}: {settings.ca_file.value}: {error}") from error
