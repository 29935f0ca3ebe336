"""Which states, events and actions does the behaviour of a link consist of?"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, TypeAlias

from agents.wire.messages import Claimed, Directives, HeartbeatAnswer, Order, Outcome
from agents.wire.settings import Settings as WireSettings


class Stage(StrEnum):
    """How far the link has come; ``renewing`` waits for the first heartbeat of a session."""

    NEW = "new"
    ENROLLING = "enrolling"
    OPENING = "opening"
    RENEWING = "renewing"
    OPEN = "open"
    OVER = "over"


class Lane(StrEnum):
    """What may be under way at the same time."""

    CONTROL = "control"
    CLAIMS = "claims"
    REPORTS = "reports"


class Call(StrEnum):
    """What can be asked of the server."""

    REGISTER = "register"
    SESSION = "session"
    HEARTBEAT = "heartbeat"
    CLAIM = "claim"
    REPORT = "report"


class Backlog(IntEnum):
    """How much there is to report, by how little it may wait.

    ``calm`` may wait for company, ``urgent`` has the end of an attempt in it, ``plenty`` is enough
    for a request of its own.
    """

    NOTHING = 0
    CALM = 1
    URGENT = 2
    PLENTY = 3


class Trouble(StrEnum):
    """Why a call came to nothing.

    ``away``: nobody answered, or asked to come later. ``refused``: the token is not good.
    ``superseded``: another runner took over. ``no_session``: the server does not know this
    session. ``rejected``: it does not take what was said.
    """

    AWAY = "away"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    NO_SESSION = "no_session"
    REJECTED = "rejected"


LANES: Final = {
    Call.REGISTER: Lane.CONTROL,
    Call.SESSION: Lane.CONTROL,
    Call.HEARTBEAT: Lane.CONTROL,
    Call.CLAIM: Lane.CLAIMS,
    Call.REPORT: Lane.REPORTS,
}


@dataclass(frozen=True, slots=True)
class State:
    """All that the link's behaviour depends on. Moments are seconds on the agent's clock.

    ``renews``: a refused token is replaced by asking as at the start.
    ``claim_is_old``: the claim under way was made before the session is being opened again.
    ``reports_from`` is the least backlog that is reported now. ``heartbeat_s`` is the server's pace
    for everybody, ``wanted_heartbeat_s`` one for this agent, which is never slower.
    """

    stage: Stage = Stage.NEW
    busy: frozenset[Lane] = frozenset()
    resting: frozenset[Lane] = frozenset()
    failures: tuple[tuple[Lane, int], ...] = ()
    heartbeat_s: float = 10.0
    wanted_heartbeat_s: float | None = None
    heard_at: float | None = None
    refused_at: float | None = None
    doubted_at: float | None = None
    backlog: Backlog = Backlog.NOTHING
    reports_from: Backlog = Backlog.URGENT
    runner_is_behind: bool = False
    claim_is_old: bool = False
    reopen: bool = False
    renews: bool = False

    @property
    def pace_s(self) -> float:
        """From the sending of one heartbeat to the next."""
        return min(self.heartbeat_s, self.wanted_heartbeat_s or self.heartbeat_s)


@dataclass(frozen=True, slots=True)
class Ready:
    """The link knows whom it speaks for; ``enrolled`` says whether it has a token already.

    ``renews``: where its token is refused it can ask for another, as in a pod.
    """

    enrolled: bool
    renews: bool = False


@dataclass(frozen=True, slots=True)
class RunnerCaughtUp:
    """The runner has taken in every order that it was handed."""


@dataclass(frozen=True, slots=True)
class ReportsWait:
    """There is something to report, something new among it."""

    backlog: Backlog


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """The agent offers another number of slots, as when it drains: the session must say so."""


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """The next heartbeat has something new to say: it should not wait."""


@dataclass(frozen=True, slots=True)
class Rested:
    """The pause of a lane is over."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class Registered:
    """The server knows this agent now; its token is stored."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is open."""

    settings: WireSettings
    directives: Directives


@dataclass(frozen=True, slots=True)
class Beaten:
    """A heartbeat that was sent at ``sent_at`` was acknowledged."""

    answer: HeartbeatAnswer
    sent_at: float
    now: float


@dataclass(frozen=True, slots=True)
class ClaimAnswered:
    """A claim ended, with or without news."""

    answer: Claimed


@dataclass(frozen=True, slots=True)
class ReportsAnswered:
    """Reports were answered; ``backlog`` is what waits by now."""

    outcomes: tuple[Outcome, ...]
    directives: Directives
    backlog: Backlog


@dataclass(frozen=True, slots=True)
class Failed:
    """A call came to nothing. ``jitter`` is from 0 to 1; ``retry_after_s`` what was asked for."""

    call: Call
    trouble: Trouble
    detail: str
    now: float
    jitter: float
    retry_after_s: float = 0.0


Event: TypeAlias = (
    Ready
    | RunnerCaughtUp
    | ReportsWait
    | SlotsChanged
    | StandingChanged
    | Rested
    | Registered
    | Opened
    | Beaten
    | ClaimAnswered
    | ReportsAnswered
    | Failed
)


@dataclass(frozen=True, slots=True)
class Start:
    """Make this call."""

    call: Call


@dataclass(frozen=True, slots=True)
class Rest:
    """Say `Rested` after a while."""

    lane: Lane
    seconds: float


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give orders to the runner."""

    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class PassOn:
    """Give directives to the runner."""

    directives: Directives


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell the runner what became of its reports."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Renew:
    """Tell the runner that the server was heard."""

    sent_at: float


@dataclass(frozen=True, slots=True)
class ReadToken:
    """Look whether a newer token was put on disk."""


@dataclass(frozen=True, slots=True)
class End:
    """Tell the runner that no link can go on, and end."""

    code: int
    reason: str
    message: str


Action: TypeAlias = Start | Rest | HandOver | PassOn | Settle | Renew | ReadToken | End
Step: TypeAlias = tuple[State, list[Action]]
