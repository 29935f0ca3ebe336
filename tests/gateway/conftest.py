"""A served gateway for each test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.serving import Served, served


@pytest.fixture
def gateway(transactional_db: None) -> Iterator[Served]:
    """Return a running gateway on the test's database."""
    with served() as serving:
        yield serving
