"""The OpenAPI document is whole, valid, the same in the repository and served, and readable."""

from html.parser import HTMLParser

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from executors.gateway import routes
from k8s4r import urls
from k8s4r.api import document
from k8s4r.api.calls import of_django
from tests.api.conftest import Api
from tests.architecture import openapi
from tests.architecture.test_protocol_document import documented, general

CALLS = [*of_django(urls.urlpatterns), *routes.served()]
NAMES = [f"{call.method} {call.path}" for call in CALLS]


@pytest.fixture
def everybody(db):
    return Api()


def test_the_file_in_the_repository_is_what_is_served(everybody):
    served = everybody.get("openapi.json")
    assert served.status_code == 200
    assert served.headers["Content-Type"] == "application/json"
    assert openapi.FILE.read_bytes() == served.content == openapi.written()


def test_it_is_valid_openapi_31():
    validate(orjson.loads(openapi.FILE.read_bytes()), cls=OpenAPIV31SpecValidator)


def test_it_has_every_call_that_the_protocol_names_and_no_other():
    told = {}
    for call in CALLS:
        if call.path.startswith("/api/v1/"):
            path = general(call.path.removeprefix("/api/v1/"))
            told.setdefault(path, set()).add(call.method)
    assert told == documented()


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_every_call_says_what_goes_in_and_out(call):
    assert call.said.answers, "say `answers=` in its @operation"
    assert call.doc.strip(), "its first line is the summary"
    if call.method in {"POST", "PUT", "PATCH"}:
        assert call.said.body is not None, "say `body=` in its @operation"


def test_the_codes_of_refusals_are_in_the_schema_of_problems():
    schemas = urls.openapi()["components"]["schemas"]
    codes = set(schemas["Problem"]["properties"]["code"]["enum"])
    for call in CALLS:
        for errors in document.refusals(call).values():
            assert {error.code for error in errors} <= codes


def test_who_has_it_is_told_that_nothing_changed(everybody):
    etag = everybody.get("openapi.json").headers["ETag"]
    again = everybody.get("openapi.json", **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    assert everybody.get("openapi.json", **{"If-None-Match": '"other"'}).status_code == 200


def test_a_bad_token_does_not_keep_anybody_from_reading_it(db):
    assert Api("pat_nonsense").get("openapi.json").status_code == 200


class Page(HTMLParser):
    """Collects what a page refers to and what it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.scripts += tag == "script"
        self.ids.add(found.get("id") or "")
        self.links |= {found[name] for name in ("href", "src") if name in found}


def test_the_page_shows_every_call_and_asks_nobody_else(everybody):
    answer = everybody.get("docs", Accept="text/html,*/*;q=0.8")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(answer.content.decode())
    shown = urls.openapi()["paths"]
    wanted = {said["operationId"] for methods in shown.values() for said in methods.values()}
    assert wanted <= page.ids
    assert page.scripts == 0
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= page.ids
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json", "data:,"}
