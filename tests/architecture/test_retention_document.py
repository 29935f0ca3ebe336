"""Every table has a limit or a reason to stay, and the document says which."""

import re
from pathlib import Path

from django.apps import apps

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
# Not a model: Django keeps it for itself.
FURTHER = {"django_migrations"}


def tables() -> set[str]:
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table for model in models} | FURTHER


def documented() -> list[str]:
    """Return the tables that the two lists name, in their order."""
    section = DOCUMENT.read_text().partition("## What is kept")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| ")]
    cells = [row[2] if len(row) > 4 else row[1] for row in rows]
    return [name for cell in cells for name in re.findall(r"`([a-z]+_[a-z0-9_]+)`", cell)]


def test_every_table_is_in_exactly_one_of_the_two_lists():
    named = documented()
    assert sorted(named) == sorted(set(named))
    assert set(named) == tables()
