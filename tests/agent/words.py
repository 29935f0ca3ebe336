"""What a scripted server says and remembers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agents.client.runner.records import Life
from agents.wire import answers
from agents.wire import messages as wire


@dataclass
class Told:
    """What an agent said of one attempt, and when the server heard it."""

    order: wire.Order
    reports: list[wire.Report] = field(default_factory=list)
    heard: list[wire.Report] = field(default_factory=list)

    @property
    def end(self) -> Any:
        last = self.reports[-1] if self.reports else None
        return last if isinstance(last, wire.EndReport) else None

    @property
    def started(self) -> Any:
        return next((one for one in self.reports if isinstance(one, wire.Started)), None)

    def output(self, stream: str) -> bytes:
        logs = (one for one in self.reports if isinstance(one, wire.Log))
        return b"".join(one.data for one in logs if one.stream == stream)


def until_there(path: Path) -> str:
    """Return shell text that ends when the file is there: work that ends when the test says so."""
    return f"until [ -e {path} ]; do sleep 0.02; done"


def make_order(driver: str = "exec", **changes: Any) -> wire.Order:
    """Build an order; fields of the order and of its task may be given."""
    task = {
        "id": uuid4(),
        "kind": "exec",
        "driver": driver,
        "phase": "run",
        "spec": changes.pop("spec", {}),
        "project": "demo",
        "pool": "default",
    }
    order = {
        "attempt": uuid4(),
        "number": 1,
        "token": f"att_{uuid4().hex}",
        "slot": 0,
        "lost_after_s": 120,
        "disconnect": "replace",
    }
    return wire.Order(task=wire.OrderedTask(**task), **{**order, **changes})


def a_life(offset: float = 0.0, boot_id: str = "boot", at: float = 1.0) -> Life:
    """Describe a runner's life."""
    return Life(session=uuid4(), boot_id=boot_id, offset=offset, clock_base=0.0, at=at)


def answer(message: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(message), media_type="application/json")


def problem(status: int, code: str, **headers: str) -> Response:
    body = answers.Problem(title=code, status=status, code=code)
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/problem+json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


async def healthy(request: Request) -> Response:
    return Response("ok")


def bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")
