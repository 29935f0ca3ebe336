"""How many steps did a person take in the browser? Counted by the browser, not by the test.

A step is a page that is opened or a form that is submitted: each navigation of the tab that the
server answers, where a form and the page that it leads to are one. Where a chore is to read
something, opening its page is the step; where it is to change something, the page of the thing is
open already, as a shell is for a command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Page, Request


@dataclass
class Steps:
    """What was opened and submitted, in its order: ``GET /admin/...``, ``POST /admin/...``."""

    page: Page
    taken: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        """Note a request that leads the tab to another page; what a redirect adds is none."""
        leads = request.is_navigation_request() and request.frame == self.page.main_frame
        if leads and request.redirected_from is None and request.url != "about:blank":
            self.taken.append(f"{request.method} {request.url}")

    @property
    def count(self) -> int:
        return len(self.taken)


@contextmanager
def counted(page: Page, at_most: int) -> Iterator[Steps]:
    """Count the steps in the block; they must be as many as the chore takes."""
    steps = Steps(page)
    page.on("request", steps.note)
    try:
        yield steps
    finally:
        page.remove_listener("request", steps.note)
    assert steps.count == at_most, steps.taken
