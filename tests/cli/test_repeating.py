"""The command repeats what it does not know the end of, under one key."""

import hashlib

import pytest

from k8s4r import clock
from k8s4r.api.models import IdempotencyRecord
from k8s4r.cli import settings
from k8s4r.cli.client import Client
from k8s4r.cli.errors import Refused
from k8s4r.cli.settings import Flags
from tests.serving import a_persons_token

PATH = "/api/v1/tasks/cancel"
BODY = {"selector": {"name": "x"}}
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def token(gateway, pool):
    return a_persons_token()


def connected(gateway, token, wait):
    environment = {"K8S4R_API_URL": gateway.url, "K8S4R_TOKEN": token, "HOME": "/nowhere"}
    return Client(settings.read(Flags(), environment), wait=wait)


def a_request_that_runs(client):
    """Keep the key of a request that its server has not answered yet."""
    about = client.get("/api/v1/tokens")["items"][0]
    text = b'{"selector":{"name":"x"}}'
    return IdempotencyRecord.objects.create(
        principal=about["id"],
        route=f"POST {PATH}",
        key="k",
        request_hash=hashlib.sha256(text).digest(),
        status=0,
        response=b"",
        created_at=clock.now(),
    )


def test_a_request_that_still_runs_is_waited_for(gateway, token):
    waits = []

    def wait(pause_s):
        waits.append(pause_s)
        if len(waits) == 2:
            IdempotencyRecord.objects.update(status=202, response=b'{"items": []}')

    client = connected(gateway, token, wait)
    a_request_that_runs(client)
    answer = client.call("POST", PATH, body=BODY, headers=KEY)
    assert (answer.json(), answer.headers["idempotent-replayed"]) == ({"items": []}, "true")
    assert waits == [1.0, 1.0]


def test_a_request_that_never_ends_is_a_refusal_in_the_end(gateway, token):
    waits = []
    client = connected(gateway, token, waits.append)
    a_request_that_runs(client)
    with pytest.raises(Refused) as refused:
        client.call("POST", PATH, body=BODY, headers=KEY)
    assert refused.value.code == "still_running"
    assert len(waits) > 10
