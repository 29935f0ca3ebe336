"""How does work tell the server of itself, from within the task that it is?

By one request each, which may be repeated: told twice is told once. A server that is away for a
moment is waited for, and no longer: the work has better things to do.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from urllib.parse import quote

import httpx2
import msgspec

from agents.client.version import version
from agents.wire.answers import Problem
from agents.wire.fields import Message

PATIENCE_S: Final = 20.0
ANSWER_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
_VARIABLES: Final = ("K8S4R_API_URL", "K8S4R_ATTEMPT", "K8S4R_TASK_TOKEN")


class Code(IntEnum):
    """Exit codes of the commands within a task."""

    OVER = 1
    USAGE = 2
    REFUSED = 4
    TRY_AGAIN = 75


class Untold(Exception):
    """The server did not take it; ``code`` is the exit code that says why."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Voice:
    """Where to tell, and by what right; all of it is in the environment of a task."""

    url: str
    attempt: str
    token: str
    ca_file: str | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Voice":
        """Return the voice of the task that this is the environment of.

        Raises:
            Untold: it is the environment of none.
        """
        missing = [name for name in _VARIABLES if not environment.get(name)]
        if missing:
            raise Untold(Code.USAGE, f"this is no task of k8s4r: {missing[0]} is not set")
        url, attempt, token = (environment[name] for name in _VARIABLES)
        return cls(url.rstrip("/"), attempt, token, environment.get("K8S4R_CA_FILE"))


# Waits for so many seconds.
Pause = Callable[[float], object]


def tell(voice: Voice, what: str, told: Message, *, pause: Pause) -> None:
    """Tell it; ``what`` is the rest of the path, each part of it quoted.

    Raises:
        Untold: the server refused it, or was away for too long.
    """
    path = f"{voice.url}/api/v1/attempts/{quote(voice.attempt, safe='')}/{what}"
    body = msgspec.json.encode(told)
    waited_s, next_s = 0.0, FIRST_PAUSE_S
    with _client(voice) as client:
        while True:
            found = _tried(client, path, body)
            if found is None:
                return
            wait_s = max(found.retry_after_s, next_s)
            if waited_s + wait_s > PATIENCE_S:
                raise Untold(Code.TRY_AGAIN, found.why)
            pause(wait_s)
            waited_s += wait_s
            next_s = min(2 * next_s, LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True)
class _Later:
    """It may work later."""

    why: str
    retry_after_s: float = 0.0


def _client(voice: Voice) -> httpx2.Client:
    verify: ssl.SSLContext | bool = True
    if voice.ca_file:
        verify = ssl.create_default_context(cafile=voice.ca_file)
    headers = {
        "authorization": f"Bearer {voice.token}",
        "content-type": "application/json",
        "user-agent": f"k8s4r-agent/{version()}",
    }
    return httpx2.Client(verify=verify, timeout=ANSWER_S, headers=headers)


def _tried(client: httpx2.Client, path: str, body: bytes) -> _Later | None:
    try:
        answer = client.put(path, content=body)
    except httpx2.RequestError as error:
        return _Later(f"the server did not answer: {type(error).__name__}: {error}")
    if answer.is_success:
        return None
    if answer.status_code == httpx2.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        return _Later(_why(answer), _seconds(answer.headers.get("retry-after", "")))
    codes = {
        401: Code.REFUSED,
        403: Code.REFUSED,
        400: Code.USAGE,
        413: Code.USAGE,
        422: Code.USAGE,
    }
    raise Untold(codes.get(answer.status_code, Code.OVER), _why(answer))


def _why(answer: httpx2.Response) -> str:
    try:
        said = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return f"the server answered {answer.status_code}"
    return said.detail or said.title


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
