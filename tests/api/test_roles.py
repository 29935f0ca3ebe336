"""Every role against every call, on things of the own project, of a foreign one, and on none.

What is expected comes from docs/roles.md, which the code must equal.
"""

import re
from pathlib import Path

import pytest
from django.db import transaction

from executors.gateway.routes import served
from executors.models import Task
from k8s4r.access.models import Membership, Project, Token, TokenKind
from k8s4r.access.principals import CACHE, PrincipalKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api.operations import operation_of
from k8s4r.core.roles import ALLOWED, Permission, Role
from tests.api.conftest import Api, token_of
from tests.api.places import RECIPES, SLOW, Place, a_place, nowhere
from tests.api.test_callers import VERBS, views
from tests.architecture.test_protocol_document import PREFIX, general
from tests.builders import NOON, a_member, a_user, an_agent
from tests.factors import with_factor

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "roles.md").read_text()
ROW = re.compile(r"^\| (`.*?) \| `([a-z.]+)` \|$|^\| (`.*?) \| nothing.*$", re.MULTILINE)
CALL = re.compile(r"`([A-Z]+) /?([^`]*)`")
# Served by the gateway alone: tests/contract asks it.
OF_GATEWAY = {("GET", "tasks/{id}/logs"), ("GET", "attempts/{id}/artifacts/{name}")}
# These need their permission in every project, and who has it there.
EVERYWHERE = {
    ("POST", "projects"): (Role.FLEET_ADMIN, "projects", {"name": "new"}),
    ("GET", "audit/seals"): (Role.AUDITOR, "audit/seals", None),
    ("POST", "audit/verify"): (Role.AUDITOR, "audit/verify", {}),
    ("GET", "users/{user}/second-factor"): (Role.AUDITOR, "users/zoe/second-factor", None),
    ("DELETE", "users/{user}/second-factor"): (
        Role.SECURITY_ADMIN,
        "users/zoe/second-factor",
        None,
    ),
}


def documented_roles() -> dict[str, set[str]]:
    head, _, *rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in DOCUMENT.split("## What roles allow")[1].split("##")[0].splitlines()
        if line.startswith("|")
    ]
    return {
        role: {row[0] for row in rows if row[index] == "x"}
        for index, role in enumerate(head)
        if index
    }


def documented_needs() -> dict[tuple[str, str], str | None]:
    calls = DOCUMENT.split("## What calls need")[1]
    return {
        (method, path): permission or None
        for some, permission, free in ROW.findall(calls)
        for method, path in CALL.findall(some or free)
    }


def declared_needs() -> dict[tuple[str, str], str | None]:
    found = {}
    for param in views():
        (view,) = param.values
        for method in VERBS:
            declared = operation_of(view, method)
            if declared:
                found[method, general(param.id)] = declared.needs
    return found


def test_the_document_tells_what_roles_allow():
    assert documented_roles() == {role: set(allowed) for role, allowed in ALLOWED.items()}


def test_the_document_tells_what_each_call_needs():
    documented = documented_needs()
    assert {call: documented.pop(call) for call in OF_GATEWAY} == dict.fromkeys(
        OF_GATEWAY, Permission.TASKS_READ
    )
    assert documented == declared_needs()
    of_people = {
        (call.method, general(call.path.removeprefix(PREFIX)))
        for call in served()
        if call.said.caller is PrincipalKind.PERSON and call.path.startswith(PREFIX)
    }
    assert of_people == OF_GATEWAY


# Names of things of the body are said to be wrong where the path's are said not to be there.
NAMED_IN_BODY = {
    ("POST", "tasks"), ("POST", "agents"), ("POST", "agent-pools"), ("POST", "enrolment-tokens"),
    ("POST", "notification-targets"), ("POST", "k8s-configs"),
}  # fmt: skip
LISTS = {
    ("GET", "audit"): "pool",
    ("GET", "notification-targets"): "target",
    ("GET", "notifications"): "notification",
    ("GET", "tasks"): "task", ("GET", "agents"): "agent", ("GET", "agent-pools"): "pool",
    ("GET", "pods"): "pod", ("GET", "k8s-configs"): "config",
    ("GET", "projects"): "project", ("GET", "attempts"): "attempt",
    ("GET", "enrolment-tokens"): "enrolment",
}  # fmt: skip
# Nobody may read these who is a viewer only.
UNREADABLE = {("DELETE", "enrolment-tokens/{id}"), ("GET", "enrolment-tokens/{id}")}
# Tested one by one below: they answer what is the caller's own, or select by themselves.
OWN = {
    ("GET", "about"),
    ("GET", "tokens"),
    ("POST", "tokens"),
    ("POST", "tasks/cancel"),
    ("POST", "tasks/rerun"),
}

# They hold no data: tests/api/test_document.py reads them without a token.
FREE = {("GET", ""), ("GET", "openapi.json"), ("GET", "docs"), ("POST", "agents/pods")}


@pytest.fixture
def own(db, settings):
    settings.ENCRYPTION_KEY = "k" * 40
    with_factor(a_user("zoe"), now=NOON)
    return a_place("own")


@pytest.fixture
def foreign(own):
    return a_place("foreign")


def client_of(role: str, project: Project) -> Api:
    if role == "anonymous":
        return Api()
    if role == "agent":
        terms = Terms(lifetime=None, subject=an_agent(project=project).pk, project=project)
        return Api(tokens.mint(TokenKind.AGENT, terms, now=NOON).text)
    given = [] if role == "nobody" else [role]
    return Api(token_of(a_member("caller", *given, project=project)))


def sent(api: Api, call: tuple[str, str], at: Place) -> int:
    """Make a call and return its status; what it changed is undone."""
    path, body = RECIPES[call](at)
    arguments = () if body is None else (body,)
    with transaction.atomic():
        answer = getattr(api, call[0].lower())(path, *arguments)
        transaction.set_rollback(True)
    CACHE.forget([token.pk for token in Token.objects.all()])
    return answer.status_code


def expected(role: str, call: tuple[str, str], needs: str | None, *, there: bool) -> str:
    if role in {"anonymous", "agent"}:
        return "401" if role == "anonymous" else "403"
    if call[1].startswith("history/"):
        return expected_of_history(role, call, there=there)
    if call[1] == "tokens/{id}":
        keeps = role in {Role.FLEET_ADMIN, Role.SECURITY_ADMIN}
        return "done" if keeps and there else "404"
    if needs not in ALLOWED.get(role, ()):
        return "403"
    if there:
        return "done"
    return "422" if call in NAMED_IN_BODY else "404"


def expected_of_history(role: str, call: tuple[str, str], *, there: bool) -> str:
    """What is asked is the history of a pool: who reads pools there reads it, and auditors."""
    allowed = ALLOWED.get(role, frozenset())
    if not there or not allowed & {Permission.FLEET_READ, Permission.AUDIT_READ}:
        return "404"
    return "done" if call[0] == "GET" or Permission.FLEET_WRITE in allowed else "403"


CALLERS = ["anonymous", "agent", "nobody", *Role]
ONE_BY_ONE = (
    set(documented_needs()) - set(SLOW) - OF_GATEWAY - OWN - FREE - set(EVERYWHERE) - set(LISTS)
)


def test_every_documented_call_is_tried():
    assert set(RECIPES) == ONE_BY_ONE


@pytest.mark.parametrize("call", sorted(ONE_BY_ONE), ids=" ".join)
def test_what_each_role_gets_of_a_call(own, foreign, call):
    needs = documented_needs()[call]
    found, wanted = {}, {}
    for role in CALLERS:
        api = client_of(role, own.project)
        for name, place in (("own", own), ("foreign", foreign), ("missing", nowhere(own))):
            status = sent(api, call, place)
            found[role, name] = "done" if status < 300 else str(status)
            wanted[role, name] = expected(role, call, needs, there=name == "own")
        Membership.objects.filter(user__username="caller").delete()
    assert found == wanted


@pytest.mark.parametrize("call", sorted(LISTS), ids=" ".join)
@pytest.mark.parametrize("role", CALLERS)
def test_a_list_has_what_is_the_callers_and_nothing_foreign(own, foreign, call, role):
    answer = client_of(role, own.project).get(f"{call[1]}?limit=200")
    needs = documented_needs()[call]
    if role in {"anonymous", "agent"} or needs not in ALLOWED.get(role, ()):
        assert answer.status_code == (401 if role == "anonymous" else 403)
        return
    listed = {each.get("object_id", each["id"]) for each in answer.json()["items"]}
    kind = LISTS[call]
    assert str(own.ids[kind]) in listed
    assert not listed & {str(identity) for identity in foreign.ids.values()}


@pytest.mark.parametrize(
    "call", sorted(call for call in RECIPES if documented_needs()[call]), ids=" ".join
)
def test_who_may_only_read_there_is_told_what_is_needed(own, foreign, call):
    """An operator and fleet admin of one project is a viewer of another."""
    user = a_member("caller", *Role, project=own.project)
    a_member("caller", Role.VIEWER, project=foreign.project)
    status = sent(Api(token_of(user)), call, foreign)
    if documented_needs()[call] in ALLOWED[Role.VIEWER]:
        assert status < 300
    else:
        assert status == (404 if call in UNREADABLE else 403)


@pytest.mark.parametrize("call", sorted(EVERYWHERE), ids=" ".join)
@pytest.mark.parametrize("role", CALLERS)
def test_what_reaches_every_project_needs_a_role_in_every_one(own, call, role):
    chief, path, body = EVERYWHERE[call]
    arguments = () if body is None else (body,)
    answer = getattr(client_of(role, own.project), call[0].lower())(path, *arguments)
    assert answer.status_code == (401 if role == "anonymous" else 403)
    everywhere = Api(token_of(a_member("chief", chief)))
    assert getattr(everywhere, call[0].lower())(path, *arguments).status_code < 300


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, "nobody"])
def test_cancelling_many_reaches_no_task_that_the_caller_may_not_cancel(own, foreign, role):
    answer = client_of(role, own.project).post("tasks/cancel", {"selector": {"state": ["pending"]}})
    if role != Role.OPERATOR:
        assert answer.status_code == 403
        return
    assert {each["id"] for each in answer.json()["items"]} == {str(own.ids["task"])}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, "nobody"])
def test_running_many_again_reaches_no_task_that_the_caller_may_not_run(own, foreign, role):
    Task.objects.update(state="failed", ended_at=NOON)
    answer = client_of(role, own.project).post("tasks/rerun", {"selector": {"state": ["failed"]}})
    if role != Role.OPERATOR:
        assert answer.status_code == 403
        return
    ids = {each["id"] for each in answer.json()["items"]}
    assert str(own.ids["task"]) in ids
    assert str(foreign.ids["task"]) not in ids


def test_everybody_has_tokens_of_their_own_and_sees_who_they_are(own, foreign):
    api = client_of("nobody", own.project)
    assert api.get("about").json()["permissions"] == {}
    made = api.post("tokens", {"label": "mine"})
    assert made.status_code == 201
    listed = [each["id"] for each in api.get("tokens").json()["items"]]
    assert made.json()["id"] in listed
    assert not set(listed) & {str(own.ids["token"]), str(foreign.ids["token"])}


def test_about_tells_what_one_may_do_where(own):
    chief = a_member("caller", Role.AUDITOR)
    a_member("caller", Role.OPERATOR, project=own.project)
    said = Api(token_of(chief)).get("about").json()["permissions"]
    assert said["*"] == ["audit.read", "members.read", "project.read"]
    assert "tasks.write" in said["own"]


def test_a_refusal_names_the_permission_and_the_roles_that_have_it(own):
    answer = client_of(Role.VIEWER, own.project).post(f"tasks/{own.ids['task']}/cancel", {})
    assert answer.json()["code"] == "forbidden"
    assert "tasks.write" in answer.json()["detail"]
    assert "operator" in answer.json()["detail"]
