"""Fixtures that many tests share, and what holds for every test.

Properties are tried with the same examples each time, and no limit by the clock. Processes that a
test starts can be interrupted, also where the suite itself is a background job: a shell lets those
ignore Ctrl-C, and what is ignored is inherited.
"""

import signal
from datetime import datetime

import pytest
from hypothesis import HealthCheck, settings

from k8s4r import database
from tests.builders import NOON

settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def empty_history(db: None) -> None:
    """Take the events of earlier tests away until this one ends: nothing else ever empties it."""
    database.run("ALTER TABLE audit_event DISABLE TRIGGER audit_append_only", {})
    database.run("DELETE FROM audit_event", {})
    database.run("ALTER TABLE audit_event ENABLE TRIGGER audit_append_only", {})


@pytest.fixture
def now() -> datetime:
    """Return the moment at which most tests play; services take it as an argument."""
    return NOON
