"""An operator who is signed in, and rows to look at."""

import pytest
from django.test import Client

from tests.builders import a_member, a_pool, a_project, a_user, an_agent


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
