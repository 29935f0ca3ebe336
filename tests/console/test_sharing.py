"""A project is shared by one form, by who may; everybody else is told whom to ask."""

import pytest
from django.urls import reverse

from k8s4r.access.models import Membership
from k8s4r.audit.models import AuditEvent
from tests.builders import a_member, a_pool, a_project, a_task, a_user, an_agent
from tests.console.conftest import browser_of
from tests.console.opening import page, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def web():
    return a_project("web")


@pytest.fixture
def keeper(web):
    """Return the browser of who gives roles in the project, and does nothing else."""
    return browser_of(a_member("kim", "security_admin", project=web))


def roles(name, project):
    rows = Membership.objects.filter(user__username=name, project=project)
    return sorted(rows.values_list("role", flat=True))


def share(browser, project, user, role, **fields):
    address = reverse("admin:project_share", args=[project.pk])
    answer = browser.post(address, {"user": user, "role": role, **fields}, follow=True)
    assert answer.status_code == 200
    return str(*answer.context["messages"])


def unshare(browser, project, user, **fields):
    address = reverse("admin:project_unshare", args=[project.pk])
    answer = browser.post(address, {"user": user, **fields}, follow=True)
    assert answer.status_code == 200
    return str(*answer.context["messages"])


def test_a_colleague_is_in_with_one_form_and_the_history_says_by_whom(keeper, web):
    alice = a_user("alice", is_staff=True)
    assert share(keeper, web, " alice ", "viewer") == "alice is now viewer in web"
    assert roles("alice", web) == ["viewer"]
    event = AuditEvent.objects.filter(object_type="role", object_id=alice.pk).first()
    assert (event.cause, event.project_id) == ("give_roles", web.pk)
    assert "kim gave alice the role viewer (web)" in page(keeper, "access_project_change", web.pk)


def test_who_may_not_sign_in_here_yet_is_told_of(keeper, web):
    a_user("alice")
    assert "marked them as staff" in share(keeper, web, "alice", "viewer")


def test_a_second_role_stands_beside_the_first_until_it_is_to_be_the_only_one(keeper, web):
    a_user("alice")
    share(keeper, web, "alice", "viewer")
    share(keeper, web, "alice", "operator")
    assert roles("alice", web) == ["operator", "viewer"]
    share(keeper, web, "alice", "approver", instead="yes")
    assert roles("alice", web) == ["approver"]
    told = AuditEvent.objects.filter(object_type="role", cause="change_roles")
    assert sorted(event.detail["changes"]["role"][0] for event in told) == ["operator", "viewer"]


def test_roles_are_taken_one_by_one_or_all_at_once(keeper, web):
    other = a_project("other")
    a_member("alice", "viewer", "operator", "approver", project=web)
    a_member("alice", "viewer", project=other)
    unshare(keeper, web, "alice", role="approver")
    assert roles("alice", web) == ["operator", "viewer"]
    unshare(keeper, web, "alice")
    assert (roles("alice", web), roles("alice", other)) == ([], ["viewer"])
    assert "alice has no such role" in unshare(keeper, web, "alice")


@pytest.mark.parametrize(
    ("user", "role", "words"),
    [("nobody", "viewer", "no user nobody"), ("", "viewer", "no user"),
     ("alice", "king", "&#x27;king&#x27; is none; the roles are viewer"),
     ("kim", "operator", "nobody changes their own roles")],
)  # fmt: skip
def test_what_cannot_be_given_is_refused_and_stands_in_the_form_again(
    keeper, web, user, role, words
):
    a_user("alice")
    answer = keeper.post(
        reverse("admin:project_share", args=[web.pk]), {"user": user, "role": role}, follow=True
    )
    text = answer.content.decode()
    assert words in text
    assert f'value="{user}"' in text
    assert (roles("alice", web), roles("kim", web)) == ([], ["security_admin"])


def test_nobody_takes_or_changes_their_own_roles(keeper, web):
    assert "nobody changes their own roles" in unshare(keeper, web, "kim")
    assert "nobody changes" in share(keeper, web, "kim", "operator", instead="yes")
    assert roles("kim", web) == ["security_admin"]
    assert "Remove kim" not in page(keeper, "access_project_change", web.pk)


FORM = "/share/"


@pytest.mark.parametrize(
    ("role", "sees_members", "words"),
    [("viewer", False, "sharing it is for security_admin"),
     ("operator", False, "sharing it is for security_admin"),
     ("fleet_admin", True, "ask for the role security_admin in it"),
     ("auditor", True, "ask for the role security_admin in it")],
)  # fmt: skip
def test_who_may_not_share_is_offered_nothing_and_told_whom_to_ask(web, role, sees_members, words):
    a_member("alice", "operator", project=web)
    browser = browser_of(a_member("sam", role, project=web))
    text = page(browser, "access_project_change", web.pk)
    assert (words in text, FORM in text) == (True, False)
    assert ("<td>alice</td>" in text) is sees_members
    for name in ("project_share", "project_unshare"):
        address = reverse(f"admin:{name}", args=[web.pk])
        assert browser.post(address, {"user": "alice", "role": "viewer"}).status_code == 403
        assert browser.get(address).status_code == 405
    assert roles("alice", web) == ["operator"]


def test_a_foreign_project_is_neither_listed_nor_there(keeper, web):
    theirs = a_project("theirs", description="hush")
    a_user("alice")
    assert "theirs" not in page(keeper, "access_project_changelist")
    shown = keeper.get(reverse("admin:access_project_change", args=[theirs.pk]))
    assert (shown.status_code, shown["Location"]) == (302, "/admin/")
    for name in ("project_share", "project_unshare"):
        address = reverse(f"admin:{name}", args=[theirs.pk])
        assert keeper.post(address, {"user": "alice", "role": "viewer"}).status_code == 404
    assert roles("alice", theirs) == []


def test_a_viewer_sees_the_tasks_of_the_project_and_nothing_else(keeper, web):
    a_task(a_pool(name="web", project=web), name="web-build")
    other = a_project("other")
    a_task(a_pool(name="secret-pool", project=other), name="secret-task")
    an_agent("secret-agent", project=other)
    alice = a_user("alice", is_staff=True)
    share(keeper, web, "alice", "viewer")
    browser = browser_of(alice)
    for name in ("executors_task", "agents_agent", "pools_pool", "access_project"):
        assert "secret" not in page(browser, f"{name}_changelist")
    assert "web-build" in page(browser, "executors_task_changelist")


def test_settings_of_a_project_are_for_who_looks_after_it(web):
    form = {"description": "new", "weight": "3"}
    address = reverse("admin:access_project_change", args=[web.pk])
    looks = browser_of(a_member("sam", "viewer", "security_admin", project=web))
    assert looks.post(address, form).status_code == 403
    steers = browser_of(a_member("fay", "fleet_admin", project=web))
    assert steers.post(address, form).status_code == 302
    web.refresh_from_db()
    assert (web.description, web.weight) == ("new", 3)
    event = AuditEvent.objects.filter(object_id=web.pk).first()
    assert (event.cause, event.detail["changes"]["weight"]) == ("change_project", [1.0, 3.0])


def test_a_page_with_more_members_asks_no_more_questions(browser, web):
    a_member("m0", "viewer", project=web)
    few = queries(browser, "access_project_change", web.pk)
    for number in range(1, 9):
        a_member(f"m{number}", "viewer", "operator", project=web)
    assert queries(browser, "access_project_change", web.pk) == few
