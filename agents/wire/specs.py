"""What does a task tell its driver? One struct per driver."""

from typing import Annotated

from msgspec import Meta

from agents.wire.fields import Message


class ExecSpec(Message, frozen=True):
    """Spec of the ``exec`` driver. ``cwd`` is absolute; without one the attempt's own folder.

    ``user`` is an account of the machine; its owner says which ones an order may run as.
    """

    argv: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, max_length=1024)]
    env: dict[str, str] = {}
    cwd: str | None = None
    output_limit_bytes: Annotated[int, Meta(ge=0, le=2**32)] = 16 * 1024 * 1024
    kill_grace_s: Annotated[int, Meta(ge=0, le=3600)] = 10
    user: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class NoopSpec(Message, frozen=True):
    """Spec of the ``noop`` driver: ends at once with the code that was asked for."""

    exit_code: Annotated[int, Meta(ge=0, le=255)] = 0
