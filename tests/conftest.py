"""Fixtures that many tests share."""

from datetime import datetime

import pytest

from tests.builders import NOON


@pytest.fixture
def now() -> datetime:
    """Return the moment at which most tests play; services take it as an argument."""
    return NOON
