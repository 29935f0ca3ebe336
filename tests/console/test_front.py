"""Who has nothing but the address finds the way: people to the console, programs to the API."""

import json
import logging

import pytest
from django.test import Client

from k8s4r import logs
from tests.api.conftest import Api, token_of

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_browser_is_led_to_the_console(method):
    answer = getattr(Client(), method)("/", headers={"Accept": CHROME})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5"])
def test_a_program_is_told_where_things_are_and_all_of_them_are_there(accept, browser):
    answer = Client().get("/", headers={"Accept": accept})
    assert answer.status_code == 200
    links = answer.json()["links"]
    assert set(links) == {"api", "docs", "openapi", "console"}
    assert answer.headers["Vary"] == "Accept"
    assert [browser.get(path).status_code for path in links.values()] == [200] * 4


def test_nothing_is_written_at_the_front():
    answer = Client().post("/", {})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_index_of_the_api_names_what_can_be_read_without_an_id(alice_api):
    answer = Client().get("/api/v1/")
    assert (answer.status_code, answer.json()["api_version"]) == (200, "v1")
    links = answer.json()["links"]
    assert {"tasks", "agents", "agent-pools", "projects", "openapi.json"} <= set(links)
    assert not [path for path in links.values() if "{" in path]
    assert links["tasks"] == "/api/v1/tasks"
    for name in ("tasks", "agents", "agent-pools", "about", "audit", "attempts"):
        assert alice_api.get(name).status_code == 200, name
    again = Client().get("/api/v1/", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_every_answer_of_the_api_says_its_version(alice_api):
    nobody = Client()
    for answer in (alice_api.get("tasks"), alice_api.get("nowhere"), nobody.get("/api/v1/tasks")):
        assert answer.headers["X-Api-Version"] == "v1"
    assert "X-Api-Version" not in nobody.get("/admin/login/").headers


@pytest.fixture
def lines():
    """Return the log lines of requests, as they are written."""
    written = []

    class Kept(logging.Handler):
        def emit(self, record):
            written.append(json.loads(self.format(record)))

    handler, logger = Kept(), logging.getLogger("k8s4r.api.requests")
    handler.setFormatter(logs.formatter())
    earlier = logger.level
    logger.addHandler(handler)
    logger.setLevel("DEBUG")
    yield written
    logger.removeHandler(handler)
    logger.setLevel(earlier)


@pytest.mark.parametrize(("given", "kept"), [(PARENT, TRACE), (PARENT.upper(), None)])
def test_the_trace_of_the_caller_stands_on_the_log_line(lines, alice_api, given, kept):
    alice_api.get("about", traceparent=given)
    (line,) = lines
    assert (line["event"], line.get("trace_id")) == ("request_answered", kept)
    alice_api.get("about")
    assert "trace_id" not in lines[-1]


@pytest.fixture
def alice_api(operator):
    """Return the API as the operator calls it."""
    return Api(token_of(operator))
