"""Every POST of people answers the same Idempotency-Key the same, and does nothing again."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from executors.models import Task
from executors.operating.models import Notification
from k8s4r import clock
from k8s4r.access.models import Token
from k8s4r.access.principals import PrincipalKind
from k8s4r.api import idempotency
from k8s4r.api.idempotency import Answer
from k8s4r.api.models import IdempotencyRecord
from k8s4r.api.operations import Repeats
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict, StillRunning
from tests.api.conftest import Api, token_of
from tests.api.everything import stored
from tests.api.places import SLOW, a_place
from tests.api.test_bad_operations import CALLS, made_on
from tests.builders import a_pool, a_task, a_user, an_admin
from tests.waiting import wait_until

POSTS = {key: call.said for key, call in CALLS.items() if key[0] == "POST"}
# They change nothing, so that there is nothing to repeat.
READING = {("POST", "agent-pools/{id}/explain"), ("POST", "audit/verify")}
REPEATED = sorted(POSTS.keys() - READING - SLOW.keys())
SECRET = sorted(key for key in REPEATED if POSTS[key].shown_once)
OPEN = sorted(set(REPEATED) - set(SECRET))
OTHER = {"never": "asked"}


@pytest.fixture
def place(db, settings):
    settings.ENCRYPTION_KEY = "k" * 40
    a_user("zoe")
    return a_place("own")


@pytest.fixture
def chief(place):
    one = Api(token_of(an_admin("chief")))
    one.get("about")  # so that its token is marked as used
    return one


def events():
    return AuditEvent.objects.count()


def test_every_post_of_people_says_how_it_is_repeated_unless_it_only_reads():
    of_people = {k for k, said in POSTS.items() if said.caller is PrincipalKind.PERSON}
    assert {key for key in of_people if POSTS[key].repeats is None} == READING
    assert len(REPEATED) > 20


def test_every_post_that_answers_with_a_secret_says_so():
    with_text = {
        key
        for key, said in POSTS.items()
        for kind in said.answers.values()
        if "token" in getattr(kind, "__struct_fields__", ())
    }
    assert with_text == set(SECRET)


@pytest.mark.parametrize("key", OPEN, ids=" ".join)
def test_a_repetition_is_answered_the_same_and_changes_nothing(chief, place, key):
    path, body = made_on(place, key)
    first = chief.post(path, body, Idempotency_Key="k")
    assert first.status_code < 300, first.content
    assert "Idempotent-Replayed" not in first.headers
    before = stored(), events()

    again = chief.post(path, body, Idempotency_Key="k")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    for header in ("Location", "Content-Type"):
        assert again.headers.get(header) == first.headers.get(header)

    other = chief.post(path, OTHER, Idempotency_Key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert (stored(), events()) == before


@pytest.mark.parametrize("key", OPEN, ids=" ".join)
def test_an_answer_is_the_same_with_a_key_as_without(chief, place, key):
    path, body = made_on(place, key)
    keyed = chief.post(path, body, Idempotency_Key="k")
    assert keyed.headers["Content-Type"] == "application/json"
    assert ("Location" in keyed.headers) == (POSTS[key].located and "items" not in keyed.json())
    assert keyed.status_code in POSTS[key].answers


@pytest.mark.parametrize("key", SECRET, ids=" ".join)
def test_a_secret_is_shown_once_and_not_kept(chief, place, key):
    path, body = made_on(place, key)
    first = chief.post(path, body, Idempotency_Key="k")
    secret = first.json()[POSTS[key].shown_once]
    before = stored(), events()

    again = chief.post(path, body, Idempotency_Key="k")
    problem = again.json()
    assert (again.status_code, problem["code"]) == (409, "secret_shown_once")
    assert first.json()["id"] in problem["detail"]
    assert problem["made"] == {k: v for k, v in first.json().items() if v != secret}
    assert (stored(), events()) == before

    (kept,) = IdempotencyRecord.objects.all()
    assert secret not in bytes(kept.response).decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, '') FROM api_idempotencyrecord r")
        assert secret not in cursor.fetchone()[0]


def test_a_secret_that_an_agent_fetches_itself_is_none_of_the_answer(chief, place):
    path = f"agents/{place.ids['agent']}/regenerate-token"
    answers = [chief.post(path, {"rotate": True}, Idempotency_Key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("key", REPEATED, ids=" ".join)
def test_a_refusal_is_not_kept(chief, place, key):
    path, body = made_on(place, key)
    assert chief.post(path, OTHER, Idempotency_Key="k").status_code == 422
    assert not IdempotencyRecord.objects.exists()
    made = chief.post(path, body, Idempotency_Key="k")
    assert made.status_code < 300
    assert "Idempotent-Replayed" not in made.headers


def test_two_tokens_with_one_label_are_two_and_one_repeated_is_one(chief, place):
    before = Token.objects.count()
    for key in ("a", "a", "b"):
        chief.post("tokens", {"label": "ci"}, Idempotency_Key=key)
    assert Token.objects.count() == before + 2


def test_a_key_of_one_token_opens_nothing_of_anothers(chief, place):
    path, body = made_on(place, ("POST", "agent-pools"))
    assert chief.post(path, body, Idempotency_Key="k").status_code == 201
    viewer = Api(token_of(an_admin("chief"), project=a_place("elsewhere").project))
    refused = viewer.post(path, body, Idempotency_Key="k")
    assert "Idempotent-Replayed" not in refused.headers
    assert refused.status_code == 422


def test_a_path_of_any_length_is_refused_as_without_a_key(chief, place):
    path = f"history/{'x' * 3_000}/{place.ids['pool']}/revert"
    answers = [chief.post(path, {"event": 1}, **key) for key in ({}, {"Idempotency_Key": "k"})]
    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize("way", [idempotency.once, idempotency.in_parts])
def test_an_answer_is_kept_for_a_day(db, asked, way):
    now = clock.now()
    way(asked, answered(b"1"), now=now)
    again = way(asked, answered(b"2"), now=now + timedelta(hours=23))
    assert (again.body, again.replayed) == (b"1", True)


# Work that commits in parts.


@pytest.fixture
def asked():
    return idempotency.asked("k", principal="me", route="POST here", body={})


def answered(text):
    return lambda: Answer(202, text)


def failing(error):
    def work():
        raise error

    return work


def test_parts_are_those_that_say_so():
    found = {key for key, said in POSTS.items() if said.repeats is Repeats.IN_PARTS}
    asking = {("POST", f"k8s-configs/{{id}}/{what}") for what in ("test", "pod-template/preview")}
    assert found == {("POST", "tasks/cancel"), *asking, *SLOW}


def test_work_in_parts_that_still_runs_is_not_begun_again(db, asked):
    now = clock.now()
    told = []

    def work():
        with pytest.raises(StillRunning):
            idempotency.in_parts(asked, answered(b"2"), now=now)
        told.append("once")
        return Answer(202, b"1")

    assert idempotency.in_parts(asked, work, now=now).body == b"1"
    again = idempotency.in_parts(asked, answered(b"2"), now=now)
    assert (told, again.body, again.replayed) == (["once"], b"1", True)


def test_work_in_parts_whose_process_died_is_taken_over_after_a_while(db, asked):
    now = clock.now()
    dies = failing(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        idempotency.in_parts(asked, dies, now=now)
    soon, later = now + timedelta(seconds=119), now + idempotency.LOST_AFTER
    with pytest.raises(StillRunning):
        idempotency.in_parts(asked, answered(b"2"), now=soon)
    assert idempotency.in_parts(asked, answered(b"2"), now=later).body == b"2"
    again = idempotency.in_parts(asked, answered(b"3"), now=later)
    assert (again.body, again.replayed) == (b"2", True)


def test_work_in_parts_that_is_refused_leaves_its_key_free(db, asked):
    with pytest.raises(Conflict):
        idempotency.in_parts(asked, failing(Conflict("no")), now=clock.now())
    assert not idempotency.in_parts(asked, answered(b"1"), now=clock.now()).replayed


def test_a_mass_cancel_that_is_repeated_cancels_nothing_that_came_later(chief, place):
    pool = a_pool(name="default")
    a_task(pool, name="x")
    body = {"selector": {"name": "x"}}
    first = chief.post("tasks/cancel", body, Idempotency_Key="k")
    assert first.json()["counts"] == {"cancelled": 1}
    later = a_task(pool, name="x")
    again = chief.post("tasks/cancel", body, Idempotency_Key="k")
    assert again.content == first.content
    assert Task.objects.get(pk=later.pk).state == "pending"


@pytest.mark.django_db(transaction=True)
def test_a_test_message_is_sent_once_and_its_end_is_what_is_repeated(place, chief):
    def deliver():
        try:
            wait_until(Notification.objects.filter(event="test").exists)
            Notification.objects.filter(event="test").update(
                state="delivered", ended_at=clock.now()
            )
        finally:
            connection.close()

    worker = threading.Thread(target=deliver)
    worker.start()
    path, body = SLOW["POST", "notification-targets/{id}/test"](place)
    first = chief.post(path, body, Idempotency_Key="k")
    worker.join(20)
    assert (first.status_code, first.json()["state"]) == (200, "delivered")
    again = chief.post(path, body, Idempotency_Key="k")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert Notification.objects.filter(event="test").count() == 1
