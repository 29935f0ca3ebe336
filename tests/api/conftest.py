"""A person's client, as a program on the network sees the API."""

import socket
from datetime import timedelta

import pytest
from django.test import Client

from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from tests.builders import NOON, a_pool, a_project, an_admin


class Api:
    """Speaks JSON with a bearer token; answers are Django's test responses."""

    def __init__(self, token: str | None = None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path, **headers):
        return self._client.get(f"/api/v1/{path}", headers=self._headers | headers)

    def post(self, path, body=None, **headers):
        return self._send("post", path, body, headers)

    def put(self, path, body):
        return self._send("put", path, body, {})

    def patch(self, path, body, **headers):
        return self._send("patch", path, body, headers)

    def delete(self, path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.delete(f"/api/v1/{path}", headers=self._headers | named)

    def raw(self, path, body: bytes, content_type="application/json"):
        return self._client.generic(
            "POST", f"/api/v1/{path}", body, content_type=content_type, headers=self._headers
        )

    def _send(self, method, path, body, headers):
        return getattr(self._client, method)(
            f"/api/v1/{path}",
            data={} if body is None else body,
            content_type="application/json",
            headers=self._headers | {name.replace("_", "-"): v for name, v in headers.items()},
        )


def token_of(user, *, project=None):
    """Return the text of a new token of the user."""
    terms = Terms(lifetime=timedelta(days=3650), user=user, project=project)
    return tokens.mint(TokenKind.PERSON, terms, now=NOON).text


@pytest.fixture
def alice(db):
    """Return a person who may see every project."""
    return an_admin("alice")


@pytest.fixture
def pool(alice):
    """Return the default pool of the default project."""
    return a_pool(name="default")


@pytest.fixture
def api(alice, pool):
    """Return alice's client."""
    return Api(token_of(alice))


@pytest.fixture
def nobody(pool):
    """Return a client without a token."""
    return Api()


@pytest.fixture
def stranger(pool):
    """Return a client whose token is for another project only."""
    other = a_project("other")
    a_pool(project=other, name="default")
    return Api(token_of(an_admin("bob"), project=other))


class Listening:
    """A socket on the loopback that counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    @property
    def connections(self) -> int:
        """Return how many connections wait to be taken."""
        found = 0
        while True:
            try:
                self._socket.accept()[0].close()
            except BlockingIOError:
                return found
            found += 1

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listening():
    """Return a real socket inside, which nobody may call."""
    made = Listening()
    yield made
    made.close()
