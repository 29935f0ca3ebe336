"""What is wrong with the page that is open? Asked of the browser: sizes, names, focus, contrast."""

from pathlib import Path

from playwright.sync_api import Page

# Text has this contrast (WCAG 2.2, 1.4.3).
CONTRAST = 4.5
_SCRIPT = Path(__file__).with_suffix(".js").read_text()


def faults(page: Page) -> list[str]:
    """Return what a person would stumble over, in words."""
    found: list[str] = page.evaluate(_SCRIPT, {"contrast": CONTRAST})
    return found
