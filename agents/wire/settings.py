"""What does the server want an agent to go by, and what does an agent ask of the server?"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from agents.wire.fields import Message, ShortText

SettingsVersion: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Settings(Message, frozen=True):
    """How the server serves every agent; sent with a session, then when it changes."""

    heartbeat_s: float = 10.0
    claim_wait_s: float = 25.0
    report_flush_ms: int = 200
    log_max_bytes: int = 16 * 1024 * 1024


class Wanted(Message, frozen=True):
    """What people want of this one agent; what is absent is its own choice.

    Sent until the agent says that it runs with this version. ``slots`` is never more than the
    machine's owner allows, ``heartbeat_s`` never slower than the server's own. ``labels`` are those
    that match on the server.
    """

    version: SettingsVersion
    slots: int | None = None
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    heartbeat_s: float | None = None
    labels: dict[str, str] = {}


class NotNow(Message, frozen=True):
    """The agent asks for no work for now; without ``until`` until it says otherwise."""

    reason: ShortText
    until: datetime | None = None
