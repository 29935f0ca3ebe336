"""What do the server and an agent say to each other?

Every message is a frozen struct; JSON is its only form. Decoding validates types and bounds and
names the field that is wrong. Unknown fields are ignored: a newer side may say more.

Clock of an agent: ``at`` and ``sent_at`` are seconds on the agent's boot clock (it counts through
suspend and never jumps). The server turns them into its own time as
``received - (sent_at - at)``, so that a wrong wall clock on a machine shifts nothing.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta

from agents.wire.fields import BootSeconds, Facts, Message, Name, Sequence, ShortText, Token
from agents.wire.orders import ApprovedPlan as ApprovedPlan  # noqa: PLC0414 - said from here on
from agents.wire.orders import Order as Order  # noqa: PLC0414
from agents.wire.orders import OrderedTask as OrderedTask  # noqa: PLC0414
from agents.wire.settings import NotNow, Settings, SettingsVersion, Wanted

PROTOCOL_VERSION = 1
LOG_CHUNK_BYTES = 64 * 1024
REPORT_ITEMS = 1000


class Stop(Message, frozen=True):
    """Stop this attempt: SIGTERM to its group, SIGKILL after ``grace_s``.

    ``reason`` is ``cancel``, ``run_deadline``, ``silence_deadline``, ``superseded`` or ``lost``.
    A superseded or lost attempt is stopped and forgotten: its reports are no longer wanted.
    """

    attempt: UUID
    reason: str
    grace_s: int | None = None


class Directives(Message, frozen=True):
    """What rides on every answer: attempts to stop, whether to drain, changed settings."""

    stop: list[Stop] = []
    drain: bool = False
    paused: bool = False
    settings: Settings | None = None
    wanted: Wanted | None = None


class Register(Message, frozen=True):
    """``POST agents/register`` with an enrolment token. Labels count only as far as it allows."""

    name: Name
    labels: dict[str, str] = {}
    capabilities: Facts = {}
    device_info: Facts = {}


class Registered(Message, frozen=True):
    """The new agent and its token, shown this once."""

    id: UUID
    token: Token
    token_expires_at: datetime
    status: str = "pending"


class Held(Message, frozen=True):
    """An attempt a runner has on its disk: running, ended and not acknowledged, or a held plan.

    ``slot`` is the one of the runner's own slots that it occupies, if any.
    """

    attempt: UUID
    token: Token
    running: bool
    slot: int | None = None


class OpenSession(Message, frozen=True):
    """``POST agents/{id}/session``: one life of a runner begins, or its link came back.

    The same ``session`` again is the same life: nothing is lost. Another one ends the earlier:
    held attempts are adopted, those not listed are lost at once.
    """

    session: UUID
    boot_id: str
    sent_at: BootSeconds
    slots: Annotated[int, Meta(ge=0, le=1024)]
    version: str = ""
    protocol: int = PROTOCOL_VERSION
    drivers: list[str] = []
    capabilities: Facts = {}
    device_info: Facts = {}
    held: Annotated[list[Held], Meta(max_length=4096)] = []
    settings_version: SettingsVersion = 0
    not_now: NotNow | None = None


class SessionOpened(Message, frozen=True):
    """Which held attempts go on, and which are to be stopped and forgotten.

    ``generation`` grows when the server's database was restored from a backup.
    """

    server_time: datetime
    settings: Settings
    adopted: list[UUID] = []
    directives: Directives = Directives()
    generation: int = 1


class Heartbeat(Message, frozen=True):
    """``POST agents/{id}/heartbeat``. Without a session only "last seen" moves, no lease."""

    session: UUID | None = None
    sent_at: BootSeconds = 0.0
    device_info: Facts | None = None
    error: ShortText | None = None
    settings_version: SettingsVersion = 0
    not_now: NotNow | None = None


class HeartbeatAnswer(Message, frozen=True):
    """``sent_at`` comes back as it was: the lease counts from the send time of this heartbeat."""

    server_time: datetime
    sent_at: BootSeconds = 0.0
    directives: Directives = Directives()
    token: Token | None = None
    token_expires_at: datetime | None = None


class Claim(Message, frozen=True):
    """``POST agents/{id}/claims``: give me every open order of this session, wait for one.

    ``held`` are the attempts the runner already has: they are not sent again. ``free`` may be 0:
    the call then waits for directives only.
    """

    session: UUID
    held: Annotated[list[UUID], Meta(max_length=4096)] = []
    stopping: Annotated[list[UUID], Meta(max_length=4096)] = []
    free: Annotated[int, Meta(ge=0, le=1024)] = 0
    wait_s: Annotated[float, Meta(ge=0, le=25)] = 25.0
    settings_version: SettingsVersion = 0


class Claimed(Message, frozen=True):
    """Open orders and directives; both empty when the wait ended without news."""

    orders: list[Order] = []
    directives: Directives = Directives()


class Started(Message, frozen=True, tag="started", tag_field="kind"):
    """The work began: the process exists."""

    attempt: UUID
    token: Token
    seq: Sequence
    at: BootSeconds
    pid: int | None = None


class Progress(Message, frozen=True, tag="progress", tag_field="kind"):
    """A sign of life that a person may read; resets the silence deadline."""

    attempt: UUID
    token: Token
    seq: Sequence
    at: BootSeconds
    message: ShortText = ""
    fraction: Annotated[float, Meta(ge=0, le=1)] | None = None


class Log(Message, frozen=True, tag="log", tag_field="kind"):
    """A piece of output, in order within its stream; base64 in JSON."""

    attempt: UUID
    token: Token
    seq: Sequence
    at: BootSeconds
    stream: Literal["stdout", "stderr", "agent"]
    data: Annotated[bytes, Meta(max_length=LOG_CHUNK_BYTES)]


class Finished(Message, frozen=True, tag="finished", tag_field="kind"):
    """The work ended by itself; success is ``exit_code == 0``. The slot is free again.

    ``signal_reason`` says why a process that did not choose to end ended: ``process_run_error``,
    ``oom``, ``output_limit``, ``disk_full`` or empty.
    """

    attempt: UUID
    token: Token
    seq: Sequence
    at: BootSeconds
    exit_code: int | None = None
    signal: int | None = None
    signal_reason: str = ""
    message: ShortText = ""
    started_at: BootSeconds | None = None


class Stopped(Message, frozen=True, tag="stopped", tag_field="kind"):
    """The work was stopped, by a directive or by the runner itself; its process group is gone.

    ``reason`` is that of the directive, or ``agent_stop`` (the runner was told to end),
    ``disconnected`` (no word from the server in time) or ``runner_lost`` (an earlier runner died).
    """

    attempt: UUID
    token: Token
    seq: Sequence
    at: BootSeconds
    reason: str
    exit_code: int | None = None
    signal: int | None = None
    message: ShortText = ""
    started_at: BootSeconds | None = None


class Refused(Message, frozen=True, tag="refused", tag_field="kind"):
    """The agent does not take the order: its owner forbids it, or it has no such driver.

    ``reason`` is a stable word where there is more to say: `REPLAN_REQUIRED`.
    """

    attempt: UUID
    token: Token
    seq: Sequence
    at: BootSeconds
    message: ShortText
    reason: str = ""


Report: TypeAlias = Started | Progress | Log | Finished | Stopped | Refused
EndReport: TypeAlias = Finished | Stopped | Refused


class Reports(Message, frozen=True):
    """``POST agents/{id}/reports``: items of any attempts, each attempt's in order of ``seq``.

    ``seq`` is one per attempt over all kinds, dense from 1; an end report is the last.
    """

    session: UUID
    sent_at: BootSeconds
    items: Annotated[list[Report], Meta(min_length=1, max_length=REPORT_ITEMS)]


class Outcome(Message, frozen=True):
    """What became of one report.

    ``ok``; ``duplicate`` (said before: forget it); ``superseded`` (the attempt is no longer
    current: stop it and forget it); ``conflict`` (another result stands: forget it);
    ``gap`` (an earlier ``seq`` is missing: send again from ``expected``).
    """

    attempt: UUID
    seq: int
    status: Literal["ok", "duplicate", "superseded", "conflict", "gap"]
    expected: int | None = None


class ReportsAnswer(Message, frozen=True):
    """One outcome per item, in the order of the items."""

    results: list[Outcome]
    directives: Directives = Directives()
