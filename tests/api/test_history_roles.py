"""Who reads the history of what, who puts settings back, and who reads all of it."""

import pytest

from agents.models import Agent
from k8s4r.audit.models import AuditEvent
from k8s4r.core.roles import Role
from tests.api.conftest import Api, token_of
from tests.api.places import a_place
from tests.builders import a_member, a_pool, a_task, a_user, an_attempt

pytestmark = pytest.mark.django_db
READERS = {
    "pool": set(Role),
    "pod": set(Role),
    # An agent's line names the tasks that it ran.
    "agent": set(Role) - {Role.SECURITY_ADMIN},
    "task": set(Role) - {Role.SECURITY_ADMIN},
    "project": set(Role),
    "token": {Role.FLEET_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR},
}
WRITERS = {"pool": {Role.FLEET_ADMIN}, "project": {Role.FLEET_ADMIN}}


@pytest.fixture
def own(db):
    return a_place("own")


@pytest.fixture
def foreign(own):
    return a_place("foreign")


def client_of(role, project):
    """Return somebody who is this in the project, and nothing elsewhere."""
    return Api(token_of(a_member("caller", *([role] if role else []), project=project)))


@pytest.mark.parametrize("kind", sorted(READERS))
@pytest.mark.parametrize("role", [None, *Role])
def test_who_reads_a_thing_or_the_audit_reads_its_history(own, foreign, kind, role):
    api = client_of(role, own.project)
    wanted = 200 if role in READERS[kind] else 404
    assert api.get(f"history/{kind}/{own.ids[kind]}").status_code == wanted
    assert api.get(f"history/{kind}/{foreign.ids[kind]}").status_code == 404


@pytest.mark.parametrize("kind", sorted(WRITERS))
@pytest.mark.parametrize("role", [None, *Role])
def test_who_may_write_a_thing_puts_its_settings_back(own, foreign, kind, role):
    path = {"pool": f"agent-pools/{own.ids['pool']}", "project": f"projects/{own.project.pk}"}
    chief = Api(token_of(a_member("chief", Role.FLEET_ADMIN)))
    assert chief.patch(path[kind], {"description": "new"}).status_code == 200
    event = AuditEvent.objects.filter(object_id=own.ids[kind]).latest("id")
    api = client_of(role, own.project)

    answer = api.post(f"history/{kind}/{own.ids[kind]}/revert", {"event": event.pk})

    if role in WRITERS[kind]:
        assert answer.json()["reverted"]["description"][0] == "new"
    else:
        assert answer.status_code == (403 if role else 404)
    there = f"history/{kind}/{foreign.ids[kind]}/revert"
    assert api.post(there, {"event": event.pk}).status_code == 404


@pytest.mark.parametrize("role", [None, *Role])
def test_an_auditor_reads_all_of_the_project_and_nobody_else_does(own, foreign, role):
    api = client_of(role, own.project)
    answer = api.get("audit?limit=200")
    if role is not Role.AUDITOR:
        assert answer.status_code == 403
        return
    seen = {event["project_id"] for event in answer.json()["items"]}
    assert seen == {str(own.project.pk)}
    assert api.get("audit?project=foreign").status_code == 422
    assert api.get("audit/seals").status_code == 403


def test_an_auditor_of_every_project_reads_seals_and_what_has_no_project(own):
    api = Api(token_of(a_member("chief", Role.AUDITOR)))
    assert api.get("audit/seals").status_code == 200
    assert api.post("audit/verify").status_code == 200
    assert api.get("audit?object_type=user").json()["items"]


def test_only_who_reads_the_audit_sees_tokens_and_addresses(own):
    viewer, auditor = (
        Api(token_of(a_member(str(role), role, project=own.project)))
        for role in (Role.VIEWER, Role.AUDITOR)
    )
    (entry, *_) = viewer.get(f"history/pool/{own.ids['pool']}").json()["items"]
    (event, *_) = auditor.get("audit").json()["items"]
    assert {"token_id", "address"} <= event.keys()
    assert not {"token_id", "address"} & entry["event"].keys()


def test_a_machine_in_a_shared_pool_tells_nobody_what_it_ran_for_others(own, foreign):
    agent = Agent.objects.get(pk=own.ids["agent"])
    theirs = a_pool(name="more", project=foreign.project)
    an_attempt(a_task(theirs, name="secret"), agent, state="running")
    path = f"history/agent/{agent.pk}"
    for roles, wanted in (
        ([(Role.VIEWER, own.project)], False),
        ([(Role.VIEWER, own.project), (Role.VIEWER, foreign.project)], True),
        ([(Role.VIEWER, own.project), (Role.AUDITOR, foreign.project)], True),
        ([(Role.VIEWER, None)], True),
    ):
        name = f"reader-{len(roles)}-{roles[-1]}"
        people = [a_member(name, role, project=project) for role, project in roles]
        said = [one["sentence"] for one in Api(token_of(people[0])).get(path).json()["items"]]
        assert any("secret" in one for one in said) is wanted, roles
        assert any("got task" in one for one in said)


def test_one_reads_the_own_history_without_any_role(own):
    zoe = a_user("zoe")
    api = Api(token_of(zoe))
    assert api.get(f"history/user/{zoe.pk}").status_code == 200
    assert api.get(f"history/user/{a_user('other').pk}").status_code == 404
