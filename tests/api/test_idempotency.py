"""A repeated create: once per token, path, key and content."""

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


def test_a_key_belongs_to_its_token(api, alice):
    api.post("tasks", TRUE, Idempotency_Key="k")
    for other in (alice, an_admin("bob")):
        made = Api(token_of(other)).post("tasks", TRUE, Idempotency_Key="k")
        assert "Idempotent-Replayed" not in made.headers
    assert Task.objects.count() == 3


def test_a_key_belongs_to_its_path(api):
    ids = [api.post("tasks", TRUE).json()["id"] for _ in range(2)]
    for task_id in ids:
        answer = api.post(f"tasks/{task_id}/cancel", {}, Idempotency_Key="k")
        assert answer.json()["id"] == task_id
    assert set(Task.objects.values_list("state", flat=True)) == {"cancelled"}


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


@pytest.fixture
def create(transactional_db):
    """Return what sends one create with one key."""
    token = token_of(an_admin("alice"))
    a_pool(name="default")
    return lambda: Api(token).post("tasks", TRUE, Idempotency_Key="k")


def in_a_thread(work):
    """Run it on a connection of its own."""

    def run():
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run).result(20)


def test_who_repeats_a_create_that_still_runs_is_told_to_ask_again(create):
    with transaction.atomic():
        assert create().status_code == 201
        second = in_a_thread(create)
        assert (second.status_code, second.json()["code"]) == (409, "still_running")
        assert int(second.headers["Retry-After"]) >= 1
    again = create()
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert Task.objects.count() == 1


def test_a_create_that_was_undone_leaves_its_key_free(create):
    with transaction.atomic():
        create()
        transaction.set_rollback(True)
    made = create()
    assert made.status_code == 201
    assert "Idempotent-Replayed" not in made.headers
    assert Task.objects.count() == 1


def test_many_creates_with_one_key_at_once_make_one_task(create):
    gate = Barrier(8)

    def run():
        gate.wait(timeout=10)
        try:
            return create()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        answers = [each.result(30) for each in [threads.submit(run) for _ in range(8)]]
    made = [answer for answer in answers if answer.status_code == 201]
    told = {answer.json()["code"] for answer in answers if answer.status_code != 201}
    assert made
    assert told <= {"still_running"}
    assert {answer.content for answer in made} == {made[0].content}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in made) == 1
    assert Task.objects.count() == 1
