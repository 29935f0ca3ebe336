"""How long from a line that a process on an agent writes to its text in the browser?

The process writes the time, the page notes when that text is there: both on this machine's clock.
The peer is a bare page that a bare route sends the same process's lines to as they come.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import uvicorn
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

from benchmarks.machine import Figure, quantile, report
from tests import fleet
from tests.pages.looking import launched
from tests.waiting import wait_until

LINES = 150
WRITER = f"i=0; while [ $i -lt {LINES} ]; do date +%s.%N; sleep 0.05; i=$((i+1)); done"
# Lines that were written before the page was open say nothing.
ENOUGH = 100
OBSERVE = """(selector) => {
  window.delays = [];
  const seen = new WeakSet();
  const look = () => document.querySelectorAll(selector).forEach((line) => {
    const written = Number(line.textContent);
    if (!written || seen.has(line)) return;
    seen.add(line);
    window.delays.push((performance.timeOrigin + performance.now()) / 1000 - written);
  });
  document.querySelectorAll(selector).forEach((line) => seen.add(line));
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
}"""
BARE_PAGE = """<!doctype html><title>bare</title><pre></pre><script>
new EventSource("/events").onmessage = (event) => {
  const line = document.createElement("p");
  line.textContent = event.data;
  document.querySelector("pre").append(line);
};</script>"""


def delays(page: Page, selector: str) -> list[float]:
    """Return the seconds from the writing of each line to its text on the page."""
    page.evaluate(OBSERVE, selector)
    page.wait_for_function(f"window.delays.length >= {ENOUGH}", timeout=60_000)
    return [float(one) for one in page.evaluate("window.delays")]


def ours(platform: fleet.Platform, page: Page) -> list[float]:
    """Follow the log of a task on its page."""
    page.goto(f"{platform.url}/admin/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", (platform.home / "secrets" / "admin_password").read_text().strip())
    page.click("#login-form [type=submit]")
    page.wait_for_url(f"{platform.url}/admin/")
    task = platform.post("/api/v1/tasks", {"spec": {"argv": ["sh", "-c", WRITER]}})
    page.goto(f"{platform.url}/admin/executors/task/{task['id']}/change/")
    return delays(page, "[data-log-lines] .k-text")


async def _events(_request: Request) -> StreamingResponse:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", WRITER, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = process.stdout

    async def stream() -> AsyncIterator[bytes]:
        async for line in lines:
            yield b"data: " + line.strip() + b"\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def _bare(_request: Request) -> HTMLResponse:
    return HTMLResponse(BARE_PAGE)


@contextmanager
def bare() -> Iterator[str]:
    """Serve the bare page until the block ends; return where it is."""
    routes = [Route("/", _bare), Route("/events", _events)]
    config = uvicorn.Config(
        Starlette(routes=routes), host="127.0.0.1", port=0, log_level="critical"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(20)


def main() -> None:
    """Measure both in one browser and print the tails, with the medians in the detail."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        with fleet.platform() as platform, fleet.agents(platform, 1, slots=1):
            mine = ours(platform, browser.new_page())
        with bare() as url:
            page = browser.new_page()
            page.goto(url)
            peer = delays(page, "pre p")
    detail = {
        "ours_p50_ms": round(1000 * quantile(mine, 0.5), 1),
        "peer_p50_ms": round(1000 * quantile(peer, 0.5), 1),
        "lines": len(mine),
    }
    figure = Figure(
        "livelog",
        1000 * quantile(mine, 0.95),
        1000 * quantile(peer, 0.95),
        "ms",
        better="lower",
        goal="p95 <= 500 ms",
        detail=detail,
    )
    report(figure)


if __name__ == "__main__":
    sys.exit(main())
