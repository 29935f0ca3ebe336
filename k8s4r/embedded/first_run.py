"""Does it work? Runs a first task through the REST API, shows its log, and says what to try next.

``python -m k8s4r.embedded.first_run``, when ``k8s4r up`` is done; `make run` does both.
"""

import base64
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from k8s4r.embedded import configuration, signing_in, summary
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.errors import EmbeddedError
from k8s4r.embedded.summary import Summary

POLL_S = 0.2
# The demo agent may still be on its way to the server.
DONE_WITHIN_S = 120.0
ANSWER_WITHIN_S = 30.0
MOST_OF_AN_ERROR = 500
GOOD_END = "completed"
TASK = {
    "kind": "exec",
    "name": "hello",
    "spec": {"argv": ["/bin/sh", "-c", "echo Hello from k8s4r; uname -a"]},
}
Write = Callable[[bytes], object]


def submit(client: httpx2.Client) -> str:
    """Submit the task and return its id."""
    answer = _checked(client.post("/api/v1/tasks", json=TASK))
    # One task is answered as one, a list as a list.
    return str(answer["id"])


def follow(client: httpx2.Client, task_id: str, *, write: Write) -> str:
    """Write the task's log as it grows; return its state at the end.

    Raises:
        EmbeddedError: it has not ended in time.
    """
    pause = threading.Event()
    after = "0.0"
    for _ in range(int(DONE_WITHIN_S / POLL_S)):
        page = _checked(client.get(f"/api/v1/tasks/{task_id}/logs", params={"after": after}))
        for chunk in page["items"]:
            write(base64.b64decode(chunk["data"]))
        after = page["cursor"]
        if page["task"]["final"] and page["next"] is None:
            return str(page["task"]["state"])
        pause.wait(0 if page["next"] else POLL_S)
    raise EmbeddedError(
        f"the first task has not ended after {DONE_WITHIN_S:.0f} s; `k8s4r describe task {task_id}`"
        " says what it waits for, `k8s4r status` how the parts are"
    )


def closing_words(found: Summary, task_id: str, link: str) -> list[str]:
    """Return where everything is and what to try next."""
    return [
        "",
        f"sign in      {link}",
        "             (once, within 15 minutes; `k8s4r sign-in` prints another one)",
        f"web          {found.url}/admin/",
        f"             ({found.admin_user}, password in {found.admin_password_file})",
        f"this task    {found.url}/admin/executors/task/{task_id}/change/",
        f"API          {found.url}/api/v1/",
        f"API token    {found.api_token_file}",
        "",
        "Try next:",
        "  k8s4r run -- sh -c 'for i in 1 2 3; do date; sleep 1; done'",
        f"  k8s4r describe task {task_id}",
        "  k8s4r get agents",
        "  k8s4r status; k8s4r down",
    ]


def main() -> int:
    """Run the first task and say how it went."""
    home = configuration.home(os.environ)
    found = summary.read(home)
    if found is None:
        _say("error: the platform was never up here; start it with `k8s4r up --detach`")
        return 1
    try:
        return _run(found, home)
    except (EmbeddedError, httpx2.HTTPError, OSError) as error:
        _say(f"error: {error}")
        return 1


def _run(found: Summary, home: Home) -> int:
    token = Path(found.api_token_file).read_text().strip()
    with httpx2.Client(
        base_url=found.url,
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=ANSWER_WITHIN_S,
    ) as client:
        task_id = submit(client)
        _say(f"task {task_id} submitted; its log:")
        state = follow(client, task_id, write=_write)
    _say(f"task {task_id} {state}")
    for line in closing_words(found, task_id, signing_in.link(home, found.admin_user)):
        _say(line)
    return 0 if state == GOOD_END else 1


def _checked(response: httpx2.Response) -> Any:
    if response.is_error:
        said = response.text[:MOST_OF_AN_ERROR]
        raise EmbeddedError(f"{response.request.url} answered {response.status_code}: {said}")
    return response.json()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
