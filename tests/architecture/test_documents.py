"""What is made from the code is as the code says; what is linked is there."""

import re
from pathlib import Path

import pytest

from tests.architecture import documents

ROOT = documents.DOCS.parent
PAGES = sorted([*ROOT.glob("*.md"), *documents.DOCS.rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_the_configuration_page_is_what_the_settings_say():
    assert documents.CONFIGURATION.read_text() == documents.configuration()


def test_the_metrics_page_is_what_the_catalogue_says():
    assert documents.METRICS.read_text() == documents.metrics()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path):
    targets = _LINK.findall(page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
