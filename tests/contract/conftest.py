"""A served gateway for each test that asks for one."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.floods import FEW, start_afresh
from tests.ports import held_port
from tests.serving import Served, served


@pytest.fixture
def gateway(transactional_db: None) -> Iterator[Served]:
    """Return a running gateway on the test's database."""
    with served() as serving:
        yield serving


@pytest.fixture
def a_low_limit(settings: Any) -> Iterator[None]:
    """Let few bad credentials be too many."""
    settings.BAD_CREDENTIALS = FEW
    url = settings.REDIS_URL
    start_afresh(url)
    yield
    start_afresh(url)


@pytest.fixture
def away(settings: Any) -> None:
    """Let nothing be where Redis was."""
    settings.REDIS_URL = f"redis://127.0.0.1:{held_port()}/0"
