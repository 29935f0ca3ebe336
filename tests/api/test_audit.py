"""The whole history over REST: filters, pages, the export as lines, and the proof."""

import base64
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from k8s4r import database
from k8s4r.access.models import Token
from k8s4r.audit.models import AuditEvent
from k8s4r.audit.selectors import EXPORT_ROWS
from tests.api.conftest import Api, token_of
from tests.builders import a_pool, a_project, a_task, a_tasks, an_admin, an_agent
from tests.sealed import seal_everything


def items(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["items"]


@pytest.fixture
def changed(api):
    """Return a pool that alice changed over REST."""
    pool = a_pool(name="fast", max_concurrent=5)
    assert api.patch(f"agent-pools/{pool.pk}", {"max_concurrent": 50}).status_code == 200
    return pool


def test_the_newest_event_comes_first_with_who_what_and_from_where(api, alice, changed):
    newest = items(api.get("audit"))[0]
    assert newest["sentence"].startswith("alice changed max_concurrent 5 -> 50 (token ")
    assert (newest["actor"], newest["object"]) == ("alice", "fast")
    assert newest["token_id"] == str(Token.objects.get(user=alice).pk)
    assert newest["address"] == "127.0.0.1"
    assert newest["detail"] == {"changes": {"max_concurrent": [5, 50]}}


def filters():
    yield "object_type=pool", lambda e, pool: e["object_type"] == "pool"
    yield "object_id={pool}", lambda e, pool: e["object_id"] == str(pool.pk)
    yield "actor_kind=user", lambda e, pool: e["actor_kind"] == "user"
    yield "actor=alice", lambda e, pool: e["actor"] == "alice"
    yield "actor={alice}", lambda e, pool: e["actor"] == "alice"
    yield "token_id={token}", lambda e, pool: e["token_id"] is not None
    yield "address=127.0.0.1", lambda e, pool: e["address"] == "127.0.0.1"
    yield "cause=change_pool", lambda e, pool: e["cause"] == "change_pool"
    yield "project=default", lambda e, pool: e["project_id"] == str(pool.project_id)
    yield "request_id=here-1", lambda e, pool: e["request_id"] == "here-1"
    yield "after=2026-11-21T12:00:01Z", lambda e, pool: e["at"] >= "2026-11-21T12:00:01"
    yield "before=2026-11-21T12:00:01", lambda e, pool: e["at"] < "2026-11-21T12:00:01"


@pytest.mark.usefixtures("empty_history")
@pytest.mark.parametrize(("query", "fits"), [pytest.param(q, f, id=q) for q, f in filters()])
def test_a_filter_shows_all_that_fits_and_nothing_else(api, alice, changed, query, fits):
    api.post("agent-pools", {"name": "other"}, X_Request_Id="here-1")
    a_pool(project=a_project("second"), name="default")
    an_agent("web-1")
    everything = items(api.get("audit?limit=200"))
    wanted = query.format(pool=changed.pk, alice=alice.pk, token=Token.objects.get(user=alice).pk)

    shown = items(api.get(f"audit?limit=200&{wanted}"))

    assert [e["id"] for e in shown] == [e["id"] for e in everything if fits(e, changed)]
    assert 0 < len(shown) < len(everything)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("object_id=x", "?object_id"),
        ("token_id=1", "?token_id"),
        ("after=yesterday", "?after"),
        ("before=1", "?before"),
        ("after=0001-01-01T00:00:00%2B23:59", "?after"),
        ("before=9999-12-31T23:59:59-23:59", "?before"),
        ("project=nowhere", "?project"),
        ("cause=" + "x" * 300, "?cause"),
        ("actor=%00", "?actor"),
        ("format=csv", "?format"),
        ("colour=red", "?colour"),
        ("limit=0", "?limit"),
    ],
)
def test_a_filter_that_is_not_as_it_should_be_is_named(api, query, pointer):
    answer = api.get(f"audit?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_pages_meet_without_a_gap(empty_history, api, pool):
    a_tasks(pool, 7)
    whole = [e["id"] for e in items(api.get("audit?limit=200"))]
    pages, cursor = [], ""
    while cursor is not None:
        answer = api.get(f"audit?limit=3{cursor and f'&cursor={cursor}'}").json()
        pages += [e["id"] for e in answer["items"]]
        cursor = answer["next"]
    assert pages == whole


@pytest.mark.parametrize("place", [2**70, -(2**70), "x", 0])
def test_a_cursor_that_no_page_gave_breaks_nothing(api, pool, place):
    cursor = base64.urlsafe_b64encode(json.dumps([place]).encode()).decode().rstrip("=")
    assert api.get(f"audit?cursor={cursor}").status_code in {200, 422}


def test_a_stranger_sees_the_events_of_his_project_alone(stranger, pool, changed):
    shown = items(stranger.get("audit?limit=200"))
    other = a_project("other")
    assert {e["project_id"] for e in shown} == {str(other.pk)}
    assert items(stranger.get(f"audit?object_id={changed.pk}")) == []
    assert stranger.get("audit?project=default").status_code == 422


def test_nobody_reads_without_a_token(nobody):
    assert nobody.get("audit").status_code == 401
    assert nobody.get("audit/seals").status_code == 401
    assert nobody.post("audit/verify").status_code == 401


def lines_of(answer):
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


@pytest.mark.parametrize(
    ("query", "headers"), [("?format=jsonl", {}), ("", {"Accept": "application/x-ndjson"})]
)
def test_an_export_is_every_event_once_oldest_first(api, pool, query, headers):
    a_tasks(pool, EXPORT_ROWS + 1)
    lines = lines_of(api.get(f"audit{query}", **headers))
    assert [line["id"] for line in lines] == list(
        AuditEvent.objects.order_by("id").values_list("id", flat=True)
    )


def test_an_export_is_filtered_like_a_list(api, changed):
    (line,) = lines_of(api.get(f"audit?format=jsonl&cause=change_pool&object_id={changed.pk}"))
    assert line["detail"]["changes"] == {"max_concurrent": [5, 50]}
    assert lines_of(api.get("audit?format=jsonl&cause=nothing")) == []


def test_an_export_reads_in_short_steps(empty_history, api, pool, django_assert_max_num_queries):
    a_tasks(pool, 3 * EXPORT_ROWS)
    with django_assert_max_num_queries(12):
        assert len(lines_of(api.get("audit?format=jsonl&object_type=task"))) == 3 * EXPORT_ROWS


def test_a_page_takes_as_many_queries_whatever_it_shows(api, pool, django_assert_num_queries):
    a_task(pool)
    query = "audit?object_type=task&limit=200"
    api.get(query)
    with CaptureQueriesContext(connection) as one:
        api.get(query)
    a_tasks(pool, 100)
    with django_assert_num_queries(len(one)):
        api.get(query)


class TestSeals:
    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    def browser(self, transactional_db):
        a_pool(name="default")
        return Api(token_of(an_admin("alice")))

    def test_a_sound_history_is_said_to_be_so_with_its_head(self, browser):
        seal_everything()
        found = browser.post("audit/verify").json()
        assert (found["ok"], found["broken"], found["next"]) == (True, None, None)
        assert found["head"] == items(browser.get("audit/seals"))[0]
        assert found["events"] > 0

    def test_a_broken_seal_is_named_with_its_range(self, browser):
        seal_everything()
        newest = AuditEvent.objects.latest("id").pk
        database.run("ALTER TABLE audit_event DISABLE TRIGGER ALL")
        change = "UPDATE audit_event SET actor_id = actor_id || %s WHERE id = %s"
        database.run(change, ["!", newest])
        try:
            found = browser.post("audit/verify").json()
        finally:
            database.run(
                "UPDATE audit_event SET actor_id = rtrim(actor_id, '!') WHERE id = %s", [newest]
            )
            database.run("ALTER TABLE audit_event ENABLE TRIGGER ALL")
        assert not found["ok"]
        assert found["broken"]["first_id"] <= newest <= found["broken"]["last_id"]
        assert found["broken"]["why"] == "an event was changed after it was sealed"
        assert browser.post("audit/verify").json()["ok"]

    def test_a_check_may_begin_behind_a_seal_that_exists(self, browser):
        seal_everything()
        head = browser.post("audit/verify").json()["head"]
        assert browser.post("audit/verify", {"after": head["number"]}).json()["seals"] == 0
        assert browser.post("audit/verify", {"after": head["number"] + 1}).status_code == 404
        assert browser.post("audit/verify", {"after": -1}).status_code == 422

    def test_who_sees_one_project_sees_no_seals(self, browser):
        bob = Api(token_of(an_admin("bob"), project=a_project("other")))
        assert bob.get("audit/seals").status_code == 403
        assert bob.post("audit/verify").status_code == 403
