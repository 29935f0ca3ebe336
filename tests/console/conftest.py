"""An operator who is signed in, and rows to look at."""

import pytest
from django.test import Client

from tests.builders import NOON, a_member, a_pool, a_project, a_user, an_agent
from tests.factors import ENCRYPTION_KEY, a_person, with_factor


@pytest.fixture
def operator(db):
    """Return the user who looks at the pages."""
    return a_user("olga", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(operator):
    """Return the operator's browser."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def visitor(db):
    """Return the browser of a person of the staff who may look, and nothing else."""
    return browser_of(a_member("vera", "viewer", project=a_project()))


def browser_of(user):
    """Return the browser of a person who may sign in here."""
    type(user).objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def pool(db):
    """Return a pool that takes every agent."""
    return a_pool(name="default")


@pytest.fixture
def agent(db):
    """Return an agent that is online."""
    return an_agent("web-1", slots=2)


@pytest.fixture
def quick_sign_ins(settings):
    """Keep secrets, and hash passwords in no time: a slow hash is tried by test_floods.py."""
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def olga(db, quick_sign_ins):
    """Return a superuser who signs in by a password."""
    return a_person()


@pytest.fixture
def guarded(olga):
    """Return olga with a second factor, and her recovery codes."""
    return olga, with_factor(olga, now=NOON)
