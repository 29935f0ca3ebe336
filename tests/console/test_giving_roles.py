"""Superusers give roles on the pages, in one project or in every one; the history says so."""

import pytest
from django.test import Client
from django.urls import reverse

from k8s4r.access.models import Membership
from k8s4r.audit.models import AuditEvent
from tests.builders import a_member, a_project, a_user, an_admin

ADD = reverse("admin:access_membership_add")


@pytest.fixture
def root(db):
    browser = Client()
    browser.force_login(an_admin("root", is_staff=True))
    return browser


def test_a_role_is_given_in_every_project_and_told(root):
    vera = a_user("vera")
    root.post(ADD, {"user": str(vera.pk), "project": "", "role": "auditor"})
    (given,) = Membership.objects.all()
    assert (given.user, given.project, given.role) == (vera, None, "auditor")
    event = AuditEvent.objects.filter(object_type="role").first()
    assert (event.object_id, event.actor_kind) == (vera.pk, "user")


def test_a_role_is_taken_again(root):
    a_member("vera", "viewer", project=a_project("red"))
    (given,) = Membership.objects.all()
    root.post(reverse("admin:access_membership_delete", args=[given.pk]), {"post": "yes"})
    assert not Membership.objects.exists()


def test_the_same_role_twice_is_refused_in_words(root):
    vera = a_member("vera", "auditor")
    answer = root.post(ADD, {"user": str(vera.pk), "project": "", "role": "auditor"})
    assert answer.status_code == 200
    assert Membership.objects.count() == 1


def test_who_is_no_superuser_gives_nothing_whatever_django_allows(db):
    browser = Client()
    browser.force_login(a_member("kim", "security_admin"))
    clerk = a_user("kim")
    clerk.is_staff = True
    clerk.save()
    answer = browser.post(ADD, {"user": str(clerk.pk), "project": "", "role": "operator"})
    assert answer.status_code == 403
    assert Membership.objects.count() == 1


def test_who_is_made_on_the_pages_may_open_them_and_sees_what_roles_allow(root):
    add = reverse("admin:access_user_add")
    form = root.get(add).context["adminform"].form
    assert form["is_staff"].value()
    password = {"password1": "a long one for tests", "password2": "a long one for tests"}
    root.post(add, {"username": "vera", "usable_password": "true", "is_staff": "on", **password})
    browser = Client()
    assert browser.login(username="vera", password="a long one for tests")
    assert browser.get(reverse("own_tokens")).status_code == 200
    assert browser.get(reverse("admin:executors_task_changelist")).status_code == 403
