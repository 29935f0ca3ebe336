"""The real application in a real browser: served once, signed in once, looked at by every test.

Rows stay until the last test has run: one that changes something makes its own.
"""

import os
from collections.abc import Iterator

import httpx2
import pytest
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, sync_playwright

from agents.models import Agent
from k8s4r.access.models import TokenKind
from pools.models import Membership
from tests.pages import machines, showcase
from tests.pages.looking import Console, launched, signed_in
from tests.pages.machines import LIVE_POOL
from tests.pages.showcase import Showcase
from tests.serving import Served, a_persons_token, a_token, served
from tests.waiting import wait_until

PASTE = (
    "(umask 077; printf %s {token} > enrolment) &&"
    " k8s4r-agent start --url {url} --enrolment-token-file enrolment"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say that these tests need the database: without the mark none is made for them alone."""
    for item in items:
        if "tests/pages/" in item.nodeid:
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture
def _django_db_helper(shown: Showcase) -> None:
    """Keep the rows between tests; by default each test would empty the tables at its end."""


@pytest.fixture(scope="package")
def shown(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Showcase]:
    """Return a platform with something of everything on it."""
    with django_db_blocker.unblock():
        yield showcase.made()
        call_command("flush", interactive=False, verbosity=0)
        connections.close_all()


@pytest.fixture(scope="package")
def site(shown: Showcase) -> Iterator[Served]:
    """Serve the application on these rows."""
    with served() as site:
        yield site


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Return the browser of this worker."""
    # Playwright turns a loop in the thread of the tests; they still ask for rows one by one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def session(chromium: Browser, site: Served) -> Iterator[Console]:
    """Return a signed-in operator, through the real page."""
    with signed_in(chromium, site.url, showcase.OPERATOR) as console:
        yield console


@pytest.fixture
def console(session: Console) -> Iterator[Console]:
    """Return the operator's console; what the browser complained about fails the test."""
    session.complaints.clear()
    yield session
    session.leave()
    assert session.complaints == []


@pytest.fixture(scope="package")
def visitor(chromium: Browser, site: Served) -> Iterator[Console]:
    """Return the console of a person who may look and nothing else."""
    with signed_in(chromium, site.url, showcase.VISITOR) as console:
        yield console


@pytest.fixture(scope="module")
def machine(
    request: pytest.FixtureRequest,
    shown: Showcase,
    site: Served,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Run a real agent in a pool of its own, and return its name: no two modules have the same."""
    name = f"lab-of-{request.module.__name__.rpartition('.')[2].replace('_', '-')}"
    pool = shown.pools[LIVE_POOL]
    token = a_token(TokenKind.ENROLMENT, project=shown.project, pool_id=pool.pk)
    line = PASTE.format(token=token, url=site.url)
    with machines.pasted(line, tmp_path_factory.mktemp("machine"), name=name):
        wait_until(lambda: Agent.objects.filter(name=name, observed="online").exists())
        yield name
    # It may count as online for a while: the next module's work is not for it.
    Membership.objects.filter(agent__name=name).delete()


@pytest.fixture
def person(site: Served) -> Iterator[httpx2.Client]:
    """Return a client of the REST API."""
    with site.client(a_persons_token("alice")) as client:
        yield client
