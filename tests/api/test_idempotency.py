from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections, transaction

from executors.models import Task
from k8s4r.api.models import IdempotencyRecord
from tests.api.conftest import Api, token_of
from tests.builders import a_pool, an_admin

TRUE = {"spec": {"argv": ["/bin/true"]}}


def test_a_repeated_create_is_answered_the_same_and_makes_nothing(api):
    first = api.post("tasks", TRUE, Idempotency_Key="k")
    second = api.post("tasks", TRUE, Idempotency_Key="k")
    assert first.status_code == second.status_code == 201
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Task.objects.count() == 1


def test_a_repeated_list_is_answered_the_same(api):
    first = api.post("tasks", [TRUE, TRUE], Idempotency_Key="k")
    second = api.post("tasks", [TRUE, TRUE], Idempotency_Key="k")
    assert second.content == first.content
    assert Task.objects.count() == 2


def test_the_same_request_written_otherwise_is_the_same(api):
    first = api.raw("tasks", b'{"name": "a", "spec": {"argv": ["x"]}}')
    assert first.status_code == 201
    one = api.post("tasks", {"name": "a", **TRUE}, Idempotency_Key="k")
    other = api.post("tasks", {**TRUE, "name": "a"}, Idempotency_Key="k")
    assert other.content == one.content


def test_a_key_for_another_request_is_refused(api):
    api.post("tasks", TRUE, Idempotency_Key="k")
    answer = api.post("tasks", {**TRUE, "name": "other"}, Idempotency_Key="k")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_mismatch"
    assert Task.objects.count() == 1


def test_a_key_belongs_to_its_person(api):
    api.post("tasks", TRUE, Idempotency_Key="k")
    Api(token_of(an_admin("bob"))).post("tasks", TRUE, Idempotency_Key="k")
    assert Task.objects.count() == 2


def test_a_refused_create_leaves_its_key_free(api):
    assert api.post("tasks", {**TRUE, "pool": "x"}, Idempotency_Key="k").status_code == 422
    assert not IdempotencyRecord.objects.exists()
    assert api.post("tasks", TRUE, Idempotency_Key="k").status_code == 201


@pytest.mark.parametrize("key", ["a" * 256, "ü", "a\tb"])
def test_a_key_is_printable_and_not_too_long(api, key):
    answer = api.post("tasks", TRUE, Idempotency_Key=key)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "Idempotency-Key"
    assert not Task.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_creates_with_one_key_at_once_make_one_task():
    a_pool(name="default")
    token = token_of(an_admin("alice"))
    gate = Barrier(2)

    def create(_):
        gate.wait(timeout=10)
        try:
            return Api(token).post("tasks", TRUE, Idempotency_Key="k")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(create, range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert {answer.headers.get("Idempotent-Replayed") for answer in answers} == {None, "true"}
    assert Task.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_create_waits_for_the_first_and_goes_on_when_that_fails():
    a_pool(name="default")
    token = token_of(an_admin("alice"))

    def create():
        try:
            return Api(token).post("tasks", TRUE, Idempotency_Key="k")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            Api(token).post("tasks", TRUE, Idempotency_Key="k")
            second = threads.submit(create)
            transaction.set_rollback(True)
        assert second.result(timeout=20).status_code == 201
    assert Task.objects.count() == 1
