"""Bad input against every call of people that the document has: refused by name, nothing changed.

What agents send, and what comes badly over the wire, is tried in tests/contract.
"""

import json

import msgspec
import pytest
from django.test import Client

from k8s4r import clock, urls
from k8s4r.access.principals import PrincipalKind
from k8s4r.api.calls import of_django
from k8s4r.api.operations import JSON
from tests.api.conftest import token_of
from tests.api.everything import stored
from tests.api.places import RECIPES, SLOW, a_place, nowhere
from tests.api.test_bad_input import BODIES
from tests.architecture.test_protocol_document import general
from tests.builders import a_user, an_admin

PREFIX = "/api/v1/"
CALLS = {
    (call.method, general(call.path.removeprefix(PREFIX))): call
    for call in of_django(urls.urlpatterns)
    if call.said.caller is PrincipalKind.PERSON
}
# Beside those that are made on one thing of a place.
FURTHER = {
    ("POST", "projects"): ("projects", {"name": "new"}),
    ("POST", "tokens"): ("tokens", {"label": "new"}),
    ("POST", "tasks/cancel"): ("tasks/cancel", {"selector": {"name": "x"}}),
    ("POST", "tasks/rerun"): ("tasks/rerun", {"selector": {"name": "x"}}),
    ("POST", "audit/verify"): ("audit/verify", {}),
}
WITH_BODY = sorted(key for key, call in CALLS.items() if call.said.body is not None)
LISTS = sorted(key for key, call in CALLS.items() if call.said.query is not None)
WITH_ID = sorted(key for key in CALLS if "{id}" in key[1])
# Never anybody's to set, or words of a query language.
ASSIGNED = {
    "state": "completed", "owner": "eve", "attempt": 1, "is_admin": True, "is_superuser": True,
    "id": "0199a000-0000-7000-8000-000000000001", "project_id": "x", "created_at": "2020-01-01",
    "cluster": "x", "token": "x", "digest": "x", "__class__": "x", "_connector": "OR",
    "name__startswith": "a", "pk": 1,
}  # fmt: skip
LOOKUPS = [
    "name__startswith", "owner__password", "_connector", "_negated", "ordering", "order_by",
    "pk", "id__in", "__class__", "project__members__user__password",
]  # fmt: skip
NO_IDS = ["x", "0", "-1", "%00", "..%2f..%2fetc", "'--", "1e400", "0199a000", "%F0%9F%92%A9", "{}"]


class Caller:
    """Sends bytes as they are, as a person who may do everything."""

    def __init__(self) -> None:
        self._headers = {"Authorization": f"Bearer {token_of(an_admin('chief'))}"}
        self._client = Client(raise_request_exception=False)

    def send(self, method, path, body=b"", media_type=JSON):
        return self._client.generic(
            method, PREFIX + path, body, content_type=media_type, headers=self._headers
        )


@pytest.fixture
def place(db, settings):
    settings.ENCRYPTION_KEY = "k" * 40
    a_user("zoe")
    return a_place("own")


@pytest.fixture
def caller(place):
    one = Caller()
    one.send("GET", "about")  # so that its token is marked as used
    return one


def made_on(place, key):
    """Return the path of a call on a place, and a body that would be good."""
    return FURTHER[key] if key in FURTHER else {**RECIPES, **SLOW}[key](place)


def problem_of(answer, statuses):
    assert answer.status_code in statuses, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()


def test_every_call_with_a_body_is_tried():
    assert set(WITH_BODY) <= RECIPES.keys() | SLOW.keys() | FURTHER.keys()
    assert len(WITH_BODY) > 20


@pytest.mark.parametrize("key", WITH_BODY, ids=" ".join)
def test_a_body_that_cannot_be_read_changes_nothing(caller, place, key):
    path, _ = made_on(place, key)
    before = stored()
    for name, (body, status, rule) in BODIES.items():
        problem = problem_of(caller.send(key[0], path, body), {status})
        assert [each["rule"] for each in problem["errors"]] == [rule], name
    for media_type in ("text/plain", "application/json; charset=utf-16", "multipart/form-data"):
        problem_of(caller.send(key[0], path, b"{}", media_type), {415})
    assert stored() == before


@pytest.mark.parametrize("key", WITH_BODY, ids=" ".join)
def test_fields_that_are_not_the_callers_to_set_are_refused_by_name(caller, place, key):
    path, good = made_on(place, key)
    own = {each.encode_name for each in msgspec.structs.fields(_struct(key))}
    before = stored()
    for name, value in ASSIGNED.items():
        if name in own:
            continue
        body = json.dumps({**good, name: value}).encode()
        problem = problem_of(caller.send(key[0], path, body), {422})
        assert f"/{name}" in [each["pointer"] for each in problem["errors"]]
    assert stored() == before


def _struct(key):
    kinds = getattr(CALLS[key].said.body, "__args__", (CALLS[key].said.body,))
    return next(kind for kind in kinds if isinstance(kind, type))


@pytest.mark.parametrize("key", WITH_BODY, ids=" ".join)
def test_a_value_of_another_type_is_refused_by_name(caller, place, key):
    path, good = made_on(place, key)
    before = stored()
    for each in msgspec.structs.fields(_struct(key)):
        body = json.dumps({**good, each.encode_name: [{"x": [None]}]}).encode()
        problem = problem_of(caller.send(key[0], path, body), {400, 422})
        assert problem["errors"][0]["pointer"].startswith(f"/{each.encode_name}")
    assert stored() == before


@pytest.mark.parametrize("key", WITH_BODY, ids=" ".join)
def test_a_body_over_its_limit_changes_nothing(caller, place, key):
    path, _ = made_on(place, key)
    before = stored()
    many = b'{"a": [' + b"1," * 60_000 + b"1]}"
    long = b'{"name": "' + b"a" * 4 * 1024 * 1024 + b'"}'
    for body in (many, long):
        assert problem_of(caller.send(key[0], path, body), {413})["code"] == "too_large"
    assert stored() == before


@pytest.mark.parametrize("key", LISTS, ids=" ".join)
def test_a_list_takes_no_lookup_that_it_does_not_declare(caller, place, key):
    path = RECIPES[key](place)[0] if key in RECIPES else key[1]
    for name in LOOKUPS:
        problem = problem_of(caller.send("GET", f"{path}?{name}=x"), {422})
        assert [each["pointer"] for each in problem["errors"]] == [f"?{name}"]
    for value in ("0", "-1", "201", "1e3", "x", "", "%00", "٣"):
        problem = problem_of(caller.send("GET", f"{path}?limit={value}"), {422})
        assert [each["pointer"] for each in problem["errors"]] == ["?limit"]
    for value in ("x", "W10", "bnVsbA", "%00", "WyJcdTAwMDAiXQ", "🎲"):
        problem = problem_of(caller.send("GET", f"{path}?cursor={value}"), {422})
        assert [each["pointer"] for each in problem["errors"]] == ["?cursor"]


@pytest.mark.parametrize("key", WITH_ID, ids=" ".join)
def test_an_id_that_is_none_or_of_nothing_is_404_and_changes_nothing(caller, place, key):
    path, body = made_on(place, key)
    known = {str(pk) for pk in (*place.ids.values(), place.project.pk)}
    head, _, tail = path.partition("/")
    real = next(part for part in tail.split("/") if part in known)
    content = b"" if body is None else json.dumps(body).encode()
    before = stored()
    gone, _ = made_on(nowhere(place), key)
    wrong = [path.replace(real, given) for given in (*NO_IDS, str(clock.new_id()))]
    for each in (*wrong, gone):
        assert problem_of(caller.send(key[0], each, content), {404})["code"] == "not_found"
    assert stored() == before
    assert head
