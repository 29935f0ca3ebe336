"""Rows of the table of bad input that meet REST: refused by rule, and nothing changed."""

import pytest

from executors.models import Task
from pools.models import Pool
from tests.api.conftest import Api

LISTED = ["tasks", "agents", "agent-pools", "projects", "tokens", "enrolment-tokens"]
BODIES = {
    "deep": (b"[" * 100_000, 400, "depth"),
    "deep enough to parse": (b"[" * 40 + b"]" * 40, 400, "depth"),
    "digits": (b'{"a": ' + b"9" * 5000 + b"}", 400, "number"),
    "large integer": (b'{"a": 9223372036854775808}', 400, "number"),
    "not a number": (b'{"a": NaN}', 400, "number"),
    "infinity": (b'{"a": -Infinity}', 400, "number"),
    "1e400": (b'{"a": 1e400}', 400, "number"),
    "doubled key": (b'{"a": 1, "a": 2}', 400, "duplicate_key"),
    "doubled key inside": (b'{"spec": {"argv": ["a"], "argv": ["b"]}}', 400, "duplicate_key"),
    "bare scalar": (b"5", 400, "type"),
    "bare text": (b'"a"', 400, "type"),
    "null": (b"null", 400, "type"),
    "lone surrogate": (b'{"name": "\\ud800"}', 400, "utf8"),
    "surrogate key": (b'{"\\udc00": 1}', 400, "utf8"),
    "NUL": (b'{"name": "a\\u0000b"}', 400, "nul"),
    "raw NUL": (b'{"name": "a\x00b"}', 400, "json"),
    "byte order mark": (b'\xef\xbb\xbf{"name": "a"}', 400, "utf8"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), 400, "utf8"),
    "not UTF-8": (b'{"name": "\xff"}', 400, "utf8"),
    "cut": (b'{"name": "a', 400, "json"),
    "trailing": (b'{"name": "a"} x', 400, "json"),
    "empty": (b" ", 400, "json"),
}


@pytest.mark.parametrize("path", LISTED)
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_others_would_read_differently_is_refused(api, path, name):
    body, status, rule = BODIES[name]
    answer = api.raw(path, body)
    problem = answer.json()
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["code"] == "malformed"
    assert [each["rule"] for each in problem["errors"]] == [rule]
    assert not Task.objects.exists()


@pytest.mark.parametrize("path", LISTED)
@pytest.mark.parametrize("body", [[], {"name": 5}, {"name": None}, [[]], {"nonsense": 1}])
def test_another_shape_is_refused_with_its_field(api, path, body):
    pools = Pool.objects.count()
    answer = api.post(path, body)
    assert answer.status_code in {400, 422}
    assert answer.json()["errors"]
    assert not Task.objects.exists()
    assert Pool.objects.count() == pools


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-yaml"],
)
def test_only_json_is_read(api, content_type):
    answer = api.raw("tasks", b"{}", content_type)
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


def test_a_form_is_not_a_task(api):
    answer = api.raw("tasks", b"name=a", "application/x-www-form-urlencoded")
    assert answer.status_code == 415


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "nonsense"])
def test_only_utf8_is_read(api, charset):
    answer = api.raw("tasks", b'{"driver": "noop"}', f"application/json; charset={charset}")
    assert answer.status_code == 415


def test_utf8_may_be_said(api):
    answer = api.raw("tasks", b'{"driver": "noop"}', 'application/json; charset="UTF-8"')
    assert answer.status_code == 201


@pytest.mark.parametrize(("path", "mebibytes"), [("tasks", 4), ("agents", 1), ("agent-pools", 1)])
def test_a_body_over_its_limit_is_refused(api, path, mebibytes):
    answer = api.raw(path, b'{"name": "' + b"a" * (mebibytes * 1024 * 1024) + b'"}')
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_body_with_too_many_values_is_refused(api):
    answer = api.raw("agents", b'{"metadata": {"a": [' + b"1," * 10_000 + b"1]}}")
    assert answer.status_code == 413


def test_a_task_list_of_full_size_fits(api):
    env = {f"V{number}": "x" * 50 for number in range(20)}
    tasks = [{"spec": {"argv": ["/bin/true"], "env": env}}] * 1000
    assert api.post("tasks", tasks).status_code == 201
    assert Task.objects.count() == 1000


def test_text_that_means_something_elsewhere_is_only_text_here(api):
    nasty = "<script>%s'; DROP TABLE x; --{{7*7}}\u202e\u2028"
    task = api.post("tasks", {"driver": "noop", "name": nasty}).json()
    assert api.get(f"tasks/{task['id']}").json()["name"] == nasty


def test_a_path_that_does_not_exist_is_a_problem_and_not_a_page(api, nobody):
    for client in (api, nobody):
        answer = client.get("nothing")
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


def test_a_method_that_does_not_exist_is_refused_with_those_that_do(api):
    answer = api.delete("tasks")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "POST" in answer.headers["Allow"]


def test_only_json_is_answered(api):
    answer = api.get("tasks", Accept="text/html")
    assert answer.status_code == 406
    assert answer.json()["code"] == "not_acceptable"


def test_a_problem_names_its_request(nobody):
    answer = nobody.get("tasks", **{"X-Request-Id": "abc-1"})
    assert answer.headers["X-Request-Id"] == "abc-1"
    assert answer.json()["request_id"] == "abc-1"
    assert answer.json()["instance"] == "/api/v1/tasks"


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", "a\tb", "ü", "{}"])
def test_a_request_id_that_could_harm_is_replaced(nobody, given):
    answer = nobody.get("tasks", **{"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] not in {"", given}


def test_a_token_that_cannot_be_one_costs_no_query(django_assert_num_queries, pool):
    client = Api("pat_nonsense")
    with django_assert_num_queries(1):
        assert client.get("tasks").status_code == 401
