"""Programs create tasks at the gateway: the same answers as Django's, committed together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx2
import pytest
from django.test import Client

from executors.models import Task
from k8s4r.access.models import User
from k8s4r.audit.models import AuditEvent
from tests.builders import a_pool, an_agent
from tests.serving import Served, a_persons_token, an_agents_token

NOOP = {"driver": "noop"}
PATH = "/api/v1/tasks"


@pytest.fixture
def person(gateway: Served) -> Iterator[httpx2.Client]:
    a_pool(name="default")
    with gateway.client(a_persons_token()) as client:
        yield client


def test_an_accepted_task_is_where_the_answer_says_and_signed_by_its_request(
    person: httpx2.Client,
) -> None:
    made = person.post(PATH, json=NOOP, headers={"X-Request-Id": "my-request"})
    assert (made.status_code, made.headers["x-request-id"]) == (201, "my-request")
    assert person.get(made.headers["location"]).json()["id"] == made.json()["id"]
    event = AuditEvent.objects.get(object_id=UUID(made.json()["id"]))
    assert (event.actor_kind, event.request_id) == ("user", "my-request")


def test_a_thousand_tasks_in_one_list_keep_their_order(person: httpx2.Client) -> None:
    asked = [{"name": f"t{number}", **NOOP} for number in range(1_000)]
    made = person.post(PATH, json=asked)
    assert made.status_code == 201
    assert "location" not in made.headers
    assert [task["name"] for task in made.json()["items"]] == [task["name"] for task in asked]
    assert Task.objects.count() == 1_000


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"driver": "nope"}, 422, "/driver"),
        ([NOOP, {**NOOP, "pool": "no-such"}], 422, "/1/pool"),
        ({**NOOP, "priority": 101}, 422, "/priority"),
        ({**NOOP, "colour": "red"}, 422, "/colour"),
    ],
)
def test_a_refusal_names_the_field_and_leaves_nothing(
    person: httpx2.Client, body: object, status: int, pointer: str
) -> None:
    refused = person.post(PATH, json=body)
    django = Client(headers={"Authorization": person.headers["authorization"]})
    as_django = django.post(PATH, body, content_type="application/json")
    assert refused.status_code == as_django.status_code
    assert refused.json()["errors"] == as_django.json()["errors"]
    assert [problem["pointer"] for problem in refused.json()["errors"]] == [pointer]
    assert not Task.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[1e999]", b'{"a": 1, "a": 2}', b"7", b"\xff"])
def test_what_is_not_strict_json_is_400(person: httpx2.Client, body: bytes) -> None:
    refused = person.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


def test_another_media_type_is_415(person: httpx2.Client) -> None:
    refused = person.post(PATH, content=b"{}", headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415


@pytest.mark.parametrize("token", ["Bearer wrong", "Basic dTpw", "Bearer"])
def test_without_a_good_token_it_is_401_and_says_how(person: httpx2.Client, token: str) -> None:
    refused = person.post(PATH, json=NOOP, headers={"Authorization": token})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="k8s4r"'


def test_an_agents_token_may_not_submit(gateway: Served, person: httpx2.Client) -> None:
    token = an_agents_token(an_agent())
    with gateway.client(token) as agent:
        assert agent.post(PATH, json=NOOP).status_code == 403
    assert not Task.objects.exists()


def test_a_browser_with_its_session_goes_on_to_django(person: httpx2.Client) -> None:
    browser = Client()
    browser.force_login(User.objects.get())
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    refused = httpx2.post(f"{person.base_url}{PATH}", json=NOOP, cookies=cookies)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "CSRF" in refused.json()["detail"]


def test_a_repeated_create_is_answered_the_same(person: httpx2.Client) -> None:
    first, second = (person.post(PATH, json=NOOP, headers={"Idempotency-Key": "k"}) for _ in "12")
    assert (first.content, first.headers["location"]) == (
        second.content,
        second.headers["location"],
    )
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    other = person.post(PATH, json={**NOOP, "name": "x"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert Task.objects.count() == 1


def test_many_at_once_with_one_key_make_one_task(person: httpx2.Client) -> None:
    def create(_: int) -> str:
        made = person.post(PATH, json=NOOP, headers={"Idempotency-Key": "once"})
        return str(made.json()["id"])

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(create, range(64)))) == 1
    assert Task.objects.count() == 1


def test_a_refused_create_spoils_nobody_elses(gateway: Served, person: httpx2.Client) -> None:
    bodies = [NOOP, {**NOOP, "pool": "no-such"}, {"driver": "nope"}, NOOP] * 16

    def create(numbered: tuple[int, dict[str, str]]) -> int:
        number, body = numbered
        key = {"Idempotency-Key": str(number)} if number % 2 else {}
        return person.post(PATH, json=body, headers=key).status_code

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(create, enumerate(bodies)))
    assert answers == [201, 422, 422, 201] * 16
    assert Task.objects.count() == 32
    assert gateway.gateway.creates.all()[0].tally.batches < len(bodies)


def test_a_refused_create_leaves_its_key_free(person: httpx2.Client) -> None:
    key = {"Idempotency-Key": "k"}
    assert person.post(PATH, json={**NOOP, "pool": "no-such"}, headers=key).status_code == 422
    assert person.post(PATH, json=NOOP, headers=key).status_code == 201
