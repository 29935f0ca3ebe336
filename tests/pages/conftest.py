"""The real application in a real browser: served once, signed in once, looked at by every test.

Rows stay until the last test has run: one that changes something makes its own.
"""

import os
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, sync_playwright

from tests.pages import showcase
from tests.pages.looking import Console, launched, signed_in
from tests.pages.showcase import Showcase
from tests.serving import Served, served


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
