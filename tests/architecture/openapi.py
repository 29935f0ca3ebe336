"""Where is the OpenAPI document kept? `python -m tests.architecture.openapi` writes it."""

import os
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")
django.setup(set_prefix=False)

from k8s4r import urls  # noqa: E402
from k8s4r.api import reference  # noqa: E402

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def written() -> bytes:
    """Return the document as it should be in the repository."""
    return reference.written(urls.openapi())


if __name__ == "__main__":
    FILE.write_bytes(written())
