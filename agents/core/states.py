"""What do people want of an agent, what is it, and may it get work?

Wish and fact are two things. ``desired`` is changed by people:

    active --pause--> paused --resume--> active            any --revoke--> revoked
    active, paused --drain--> draining --resume--> active

``observed`` is changed by what the agent says and by its silence:

    pending --approved--> offline --seen--> online --silent--> offline
                          any but pending --broken--> error --seen--> online
"""

from enum import StrEnum
from typing import Final

from k8s4r.core.errors import IllegalTransition


class Desired(StrEnum):
    """What people want of an agent."""

    ACTIVE = "active"
    PAUSED = "paused"
    DRAINING = "draining"
    REVOKED = "revoked"


class Wish(StrEnum):
    """What people, or a drain in their name, can ask of an agent."""

    RESUME = "resume"
    PAUSE = "pause"
    DRAIN = "drain"
    REVOKE = "revoke"


class Observed(StrEnum):
    """What an agent is, as far as the server knows."""

    PENDING = "pending"
    ONLINE = "online"
    OFFLINE = "offline"
    ERROR = "error"


class Sign(StrEnum):
    """What the server can notice about an agent."""

    APPROVED = "approved"
    SEEN = "seen"
    SILENT = "silent"
    BROKEN = "broken"


# The words that `status_word` says.
BUSY: Final = "busy"
STATUS_WORDS: Final = (*map(str, Observed), BUSY, str(Desired.REVOKED))

_D, _W = Desired, Wish
_O, _S = Observed, Sign

# A wish that is already granted stays granted: asking twice is a success.
DESIRED_TABLE: Final[dict[tuple[Desired, Wish], Desired]] = {
    (_D.ACTIVE, _W.RESUME): _D.ACTIVE,
    (_D.ACTIVE, _W.PAUSE): _D.PAUSED,
    (_D.ACTIVE, _W.DRAIN): _D.DRAINING,
    (_D.ACTIVE, _W.REVOKE): _D.REVOKED,
    (_D.PAUSED, _W.RESUME): _D.ACTIVE,
    (_D.PAUSED, _W.PAUSE): _D.PAUSED,
    (_D.PAUSED, _W.DRAIN): _D.DRAINING,
    (_D.PAUSED, _W.REVOKE): _D.REVOKED,
    (_D.DRAINING, _W.RESUME): _D.ACTIVE,
    (_D.DRAINING, _W.DRAIN): _D.DRAINING,
    (_D.DRAINING, _W.REVOKE): _D.REVOKED,
    (_D.REVOKED, _W.REVOKE): _D.REVOKED,
}

# Approval makes `offline`: the next heartbeat makes it `online`. A broken agent that falls silent
# stays `error`, with its reason, until it is seen again.
OBSERVED_TABLE: Final[dict[tuple[Observed, Sign], Observed]] = {
    (_O.PENDING, _S.APPROVED): _O.OFFLINE,
    (_O.PENDING, _S.SEEN): _O.PENDING,
    (_O.PENDING, _S.SILENT): _O.PENDING,
    (_O.PENDING, _S.BROKEN): _O.PENDING,
    (_O.ONLINE, _S.APPROVED): _O.ONLINE,
    (_O.ONLINE, _S.SEEN): _O.ONLINE,
    (_O.ONLINE, _S.SILENT): _O.OFFLINE,
    (_O.ONLINE, _S.BROKEN): _O.ERROR,
    (_O.OFFLINE, _S.APPROVED): _O.OFFLINE,
    (_O.OFFLINE, _S.SEEN): _O.ONLINE,
    (_O.OFFLINE, _S.SILENT): _O.OFFLINE,
    (_O.OFFLINE, _S.BROKEN): _O.ERROR,
    (_O.ERROR, _S.APPROVED): _O.ERROR,
    (_O.ERROR, _S.SEEN): _O.ONLINE,
    (_O.ERROR, _S.SILENT): _O.ERROR,
    (_O.ERROR, _S.BROKEN): _O.ERROR,
}


def desired_after(state: Desired, wish: Wish) -> Desired:
    """Return the state that follows.

    Raises:
        IllegalTransition: this cannot be asked of an agent in this state.
    """
    try:
        return DESIRED_TABLE[state, wish]
    except KeyError:
        raise IllegalTransition(f"a {state} agent cannot take {wish}") from None


def observed_after(state: Observed, sign: Sign) -> Observed:
    """Return the state that follows; every sign is possible in every state."""
    return OBSERVED_TABLE[state, sign]


def may_get_work(desired: Desired, observed: Observed) -> bool:
    """May this agent be given a new attempt?"""
    return desired is Desired.ACTIVE and observed is Observed.ONLINE


def status_word(desired: Desired, observed: Observed, *, is_full: bool) -> str:
    """Return the one word that people and existing integrations see.

    ``busy`` is an online agent whose slots are all in use, whatever is desired of it; ``desired``
    is shown beside the word.
    """
    if desired is Desired.REVOKED:
        return str(Desired.REVOKED)
    if observed is Observed.ONLINE and is_full:
        return BUSY
    return str(observed)
