"""How do tests look at pages? A real Chromium, and what it complains about."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, Response, expect

ROOT = Path(__file__).resolve().parents[2]
WIDE, NARROW = (1280, 900), (390, 844)
PASSWORD = "a long one for tests"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# How long a page may take on a machine that does much else.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Console:
    """A signed-in person's tab, and everything that went wrong in it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page of the site and wait until its scripts have run."""
        self.page.goto(self.url + path, wait_until="load")
        return self.page

    def leave(self) -> None:
        """Let go of what the page holds open."""
        self.page.goto("about:blank")

    def dress(self, size: tuple[int, int], scheme: str) -> None:
        """Give the window this size and the colours of this scheme."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        self.page.evaluate(
            "dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark"
        )

    def watch(self) -> None:
        """Note errors of scripts, requests that fail, and requests to anybody else."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme in {"http", "https", "ws"} and asked.netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"foreign host: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")


def chromium_path() -> str:
    """Return where the browser is. Without one root fails, who can install it; others skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "no chromium on PATH; `make packages` installs it as root"
        pytest.fail(reason) if os.geteuid() == 0 else pytest.skip(reason)
    return found


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Run a browser until the block ends."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def signed_in(browser: Browser, url: str, name: str) -> Iterator[Console]:
    """Sign in through the real page."""
    context = browser.new_context(
        viewport={"width": WIDE[0], "height": WIDE[1]}, reduced_motion="reduce"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    context.set_default_timeout(PATIENCE_MS)
    console = Console(context.new_page(), url)
    console.watch()
    page = console.open("/admin/login/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")
    page.wait_for_url(url + "/admin/")
    try:
        yield console
    finally:
        context.close()
