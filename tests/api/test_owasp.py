"""The OWASP API Security Top 10 of 2023, by number: the least that each of them asks of us.

Where a test elsewhere goes further it is named; here each stands by itself.
"""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings as django_settings
from django.test import Client

from agents.models import Agent
from executors.models import Task
from k8s4r import clock, urls
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.core.roles import ALLOWED, Role
from tests.api.conftest import Api, token_of
from tests.api.everything import stored
from tests.api.places import RECIPES, a_place
from tests.api.test_document import CALLS
from tests.api.test_roles import LISTS, NAMED_IN_BODY, documented_needs, sent
from tests.architecture import openapi
from tests.builders import NOON, a_member, a_user, an_admin, an_agent, session_of
from tests.floods import start_afresh
from tests.serving import AgentSide, a_persons_token, an_agents_token, an_enrolment_token, served

ROOT = Path(__file__).resolve().parents[2]
# No server package may fetch what somebody names: these are what one would fetch with.
FETCHERS = {"httpx2", "httpx", "requests", "aiohttp", "urllib3", "urllib.request", "http.client"}
# The program on a machine and the command line are clients of ours; the embedded platform asks
# its own web process on the loopback. Clusters are called at checked addresses alone, without
# redirects (tests/kube/test_connect.py).
CLIENTS = ("agents/client", "k8s4r/cli", "k8s4r/embedded", "pools/kube")


SECRETS = {"digest", "password", "secret", "token", "pepper", "is_superuser", "encrypted_url"}


@pytest.fixture
def own(db, settings):
    settings.ENCRYPTION_KEY = "k" * 40
    a_user("zoe")
    return a_place("own")


@pytest.fixture
def foreign(own):
    return a_place("foreign")


@pytest.fixture
def everywhere(own):
    """Return a client who may do everything, in every project."""
    return Api(token_of(an_admin("chief")))


@pytest.mark.parametrize("call", sorted(RECIPES), ids=" ".join)
def test_api1_who_may_do_everything_at_home_does_nothing_to_foreign_objects(own, foreign, call):
    """Further: tests/api/test_roles.py, each role on its own, on foreign and on missing things."""
    api = Api(token_of(a_member("caller", *Role, project=own.project)))
    before = stored()
    assert sent(api, call, foreign) == (422 if call in NAMED_IN_BODY else 404)
    assert {**stored(), "access.Token": 0} == {**before, "access.Token": 0}


def test_api2_a_token_that_is_not_good_is_refused_alike_and_a_flood_of_them_slowed(own, settings):
    """Further: tests/contract/test_floods.py, and tests/api/test_callers.py."""
    settings.BAD_CREDENTIALS = 10
    now, user = clock.now(), an_admin("chief")
    old = tokens.mint(TokenKind.PERSON, Terms(lifetime=-timedelta(days=1), user=user), now=now)
    ended = tokens.mint(TokenKind.PERSON, Terms(lifetime=None, user=user), now=now)
    tokens.revoke([ended.token.pk], now=now)
    good = token_of(user)
    swapped = good[:-1] + ("0" if good[-1] != "0" else "1")
    guesses = [old.text, ended.text, swapped, good.replace("pat_", "agt_"), "pat_x", good[:-9]]
    answers = [Api(guess).get("tasks") for guess in guesses]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} == {"this token is not valid"}
    assert Client().get(f"/api/v1/tasks?token={good}").status_code == 401
    flood = {Api("pat_x").get("tasks").status_code for _ in range(12)}
    start_afresh(django_settings.REDIS_URL)
    assert flood == {401, 429}


def test_api3_no_answer_shows_a_secret_and_none_can_be_set(own, everywhere):
    """Further: tests/api/test_bad_operations.py tries to set what is nobody's, at every call."""
    digests = [bytes(token.digest).hex() for token in Token.objects.all()]
    shown = [RECIPES[call](own)[0] for call in sorted(RECIPES) if call[0] == "GET"]
    for path in (*shown, *(path for _, path in LISTS), "tokens", "about"):
        answer = everywhere.get(path)
        assert answer.status_code == 200
        # The history of a person says which of their rights changed.
        named = _names(answer.json()) & (SECRETS - {"is_superuser"} if path == "audit" else SECRETS)
        assert (path, named) == (path, set())
        assert not any(digest in answer.content.decode() for digest in digests)
    for field in ("state", "owner", "attempts_made"):
        answer = everywhere.post("tasks", {"driver": "noop", "project": "own", field: "x"})
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"


def _names(content: Any) -> set[str]:
    if isinstance(content, dict):
        return set(content) | {name for each in content.values() for name in _names(each)}
    if isinstance(content, list):
        return {name for each in content for name in _names(each)}
    return set()


def test_api4_pages_bodies_lists_depth_and_calls_have_an_end(own, everywhere, settings):
    before = Task.objects.count()
    assert everywhere.get("tasks?limit=201").status_code == 422
    assert everywhere.post("tasks", [{"driver": "noop"}] * 1001).status_code == 422
    assert everywhere.raw("tasks", b"[" * 100_000).status_code == 400
    assert everywhere.raw("tasks", b'{"name": "' + b"a" * 4_194_304 + b'"}').status_code == 413
    assert Task.objects.count() == before
    settings.CALLS_PER_WINDOW = 1
    over = everywhere.get("tasks")
    start_afresh(django_settings.REDIS_URL)
    assert over.status_code == 429
    assert int(over.headers["Retry-After"]) >= 1
    assert django_settings.DATABASES["default"]["OPTIONS"]["options"].count("statement_timeout=")


@pytest.mark.parametrize("role", ["nobody", *Role])
def test_api5_a_role_makes_the_calls_that_it_allows_and_no_other(own, role):
    """Further: tests/api/test_roles.py, with the documented table."""
    given = [] if role == "nobody" else [role]
    api = Api(token_of(a_member("caller", *given, project=own.project)))
    allowed = {
        call
        for call, needs in documented_needs().items()
        if call in RECIPES and needs and sent(api, call, own) < 300
    }
    wanted = {
        call
        for call, needs in documented_needs().items()
        if call in RECIPES and needs and needs in ALLOWED.get(role, ())
    }
    assert allowed == wanted


def test_api6_enrolment_approval_and_mass_cancelling_are_bounded(own, everywhere):
    made = everywhere.post("enrolment-tokens", {"project": "own"}).json()
    assert made["max_uses"] == 1
    row = Token.objects.get(pk=made["id"])
    assert row.expires_at - row.created_at <= timedelta(minutes=15)
    viewer = Api(token_of(a_member("watcher", Role.VIEWER, project=own.project)))
    assert viewer.post(f"agents/{own.ids['agent']}/approve").status_code == 403
    for selector in ({}, {"selector": {}}, {"selector": {"labels": {}}}):
        assert everywhere.post("tasks/cancel", selector).status_code == 422
    assert not Task.objects.filter(stop_requested_at__isnull=False).exists()


def test_api6_an_enrolment_token_makes_one_agent_and_it_waits_for_approval(transactional_db):
    token = an_enrolment_token(max_uses=1)
    with served() as gateway, gateway.client(token) as client:
        answers = [
            client.post("/api/v1/agents/register", json={"name": name}) for name in ("one", "two")
        ]
    assert [answer.status_code for answer in answers] == [201, 403]
    assert [agent.observed for agent in Agent.objects.all()] == ["pending"]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_api7_no_part_of_the_server_can_fetch_what_a_caller_names():
    sources = [
        path
        for folder in ("k8s4r", "agents", "pools", "executors")
        for path in (ROOT / folder).rglob("*.py")
        if not str(path.relative_to(ROOT)).startswith(CLIENTS)
    ]
    assert len(sources) > 100
    fetching = {str(path.relative_to(ROOT)): _imports(path) & FETCHERS for path in sources}
    assert {path: names for path, names in fetching.items() if names} == {}
    assert _imports(ROOT / "agents/client/link/transports/http.py") & FETCHERS


def test_api8_nothing_is_open_that_helps_only_an_attacker(own, everywhere):
    assert not django_settings.DEBUG
    assert "rest_framework.renderers.BrowsableAPIRenderer" not in str(
        django_settings.REST_FRAMEWORK
    )
    assert everywhere.get("tasks", Accept="text/html").status_code == 406
    answer = everywhere.get("tasks", Origin="https://evil.example")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    made = everywhere.post("tokens", {"label": "shown once"})
    assert made.headers["Cache-Control"] == "no-store"
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    for path in ("/api/v1/nothing", "/nothing", "/api/v1/tasks/" + "a" * 3000):
        missing = Client().get(path)
        assert missing.status_code == 404
        assert b"Traceback" not in missing.content
        assert b"urlpatterns" not in missing.content
    assert everywhere._client.generic("TRACE", "/api/v1/openapi.json").status_code == 405


def test_api9_what_is_served_is_written_down_and_nothing_else_is_served(own, everywhere):
    """Further: tests/api/test_document.py and tests/architecture/test_protocol_document.py."""
    written = orjson.loads(openapi.FILE.read_bytes())
    assert written == orjson.loads(everywhere.get("openapi.json").content)
    told = {
        (method.upper(), path) for path, methods in written["paths"].items() for method in methods
    }
    assert told == {(call.method, call.path) for call in CALLS}
    assert {path.split("/")[2] for _, path in told if path.startswith("/api/")} == {"v1"}
    for path in ("/api/", "/api/v0/tasks", "/api/v2/tasks", "/api/tasks", "/v1/tasks"):
        assert Client().get(path).status_code == 404
    assert urls.openapi()["openapi"] == "3.1.0"


def test_api10_what_agents_say_is_taken_for_text_and_for_no_more(transactional_db):
    nasty = "<script>alert(1)</script>\u001b[31m{{7*7}}"
    agent = an_agent(now=clock.now())
    person = a_persons_token("chief")
    enrolment = an_enrolment_token(max_uses=1, label_keys=["site"])
    with served() as gateway:
        with gateway.client(an_agents_token(agent)) as client:
            side = AgentSide(client, agent.pk, session_id=session_of(agent).pk)
            side.beat(device_info={"hostname": nasty, "nested": {"a": [nasty]}})
        with gateway.client(enrolment) as client:
            asked = {"name": "other", "labels": {"site": "attic", "gpu": "a100"}}
            client.post("/api/v1/agents/register", json=asked)
        with gateway.client(person) as client:
            shown = client.get(f"/api/v1/agents/{agent.pk}")
            page = client.get("/api/v1/docs", headers={"Accept": "text/html"})
    assert shown.headers["content-type"] == "application/json"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.json()["device_info"]["hostname"] == nasty
    assert "alert(1)" not in page.text
    # A label that its enrolment does not allow would draw the tasks of others.
    assert Agent.objects.get(name="other").labels == {"site": "attic"}
    assert clock.now() > NOON
